import Testing

@testable import ScrapeService

@Suite struct URLTemplateTests {
    private func letters(_ name: String) -> URLTemplate.Variable {
        URLTemplate.Variable(name: name, values: .letters(from: UInt8(ascii: "a"), to: UInt8(ascii: "z")))
    }

    @Test func twoVariablesGiveEveryCombinationTheLastFastest() {
        let template = URLTemplate(
            literals: ["http://h/", "", "/", "", ".gif"],
            variables: [letters("a"), letters("b"), letters("a"), letters("b")])
        #expect(template.count == 676)
        #expect(template.url(at: 0) == "http://h/aa/aa.gif")
        #expect(template.url(at: 1) == "http://h/ab/ab.gif")
        #expect(template.url(at: 675) == "http://h/zz/zz.gif")
    }

    @Test func aRangeCountsItsEndsAndItsStep() {
        let values = URLTemplate.Values.integers(from: 1, to: 150, step: 1)
        #expect(values.count == 150)
        #expect(URLTemplate.Values.integers(from: 0, to: 10, step: 4).count == 3)
        #expect(values[149] == "150")
    }

    @Test func aRangeOfEveryNumberIsSaidToBeHuge() {
        #expect(URLTemplate.Values.integers(from: 0, to: .max, step: 1).count == .max)
        #expect(URLTemplate.Values.integers(from: -1, to: .max - 1, step: 1).count == .max)
    }

    @Test func aProductThatOverflowsIsSaidToBeHuge() {
        let huge = URLTemplate.Variable(name: "n", values: .integers(from: 0, to: .max - 1, step: 1))
        let other = URLTemplate.Variable(name: "m", values: .integers(from: .min, to: .max, step: 1))
        let template = URLTemplate(literals: ["", "", ""], variables: [huge, other])
        #expect(template.count == .max)
    }

    @Test func withoutVariablesThereIsOneURL() {
        let template = URLTemplate(literals: ["http://h/"], variables: [])
        #expect(template.count == 1)
        #expect(template.url(at: 0) == "http://h/")
    }
}
