internal import CLibXML
import Glibc

/// A CSS selector made ready for matching: names as C strings, in the forms that HTML and XML trees have
/// them.
// Unchecked because of the C strings, which are written in `init` and only read until `deinit` frees them.
final class SelectorProgram: @unchecked Sendable {
    struct Name {
        /// ASCII lower-case, as libxml2's HTML parser leaves every name.
        let html: XMLText
        /// As written.
        let xml: XMLText
    }

    struct Alternative {
        let selector: Complex
        let output: Output
    }

    enum Output {
        case element, ownText, markup
        case attribute(Name)
    }

    struct Complex {
        let subject: Compound
        let links: [Link]
    }

    struct Link {
        let combinator: Combinator
        let compound: Compound
    }

    struct Compound {
        let type: Name?
        let conditions: [Condition]
    }

    struct Attribute {
        let name: Name
        let comparison: AttributeCondition.Operator
        let value: XMLText
        let valueCount: Int
        let ignoresCase: Bool
    }

    struct Relative {
        let selector: Complex
        /// Whether candidates stand beside the asked element, and whether below what is looked at.
        let startsWithSibling: Bool
        let descends: Bool
    }

    enum Condition {
        case id(XMLText)
        case hasClass(XMLText, count: Int)
        case attribute(Attribute)
        case nth(NthCondition)
        case isAny([Complex])
        case isNone([Complex])
        case has([Relative])
        case language([Attribute])
        case state(SimpleSelector)
    }

    private(set) var alternatives: [Alternative] = []
    /// Whether any alternative takes text nodes, so that a walk must look at them.
    let takesText: Bool
    private var strings: [UnsafeMutablePointer<xmlChar>] = []

    init(_ syntax: SelectorSyntax) {
        takesText = syntax.alternatives.contains { $0.output == .ownText }
        alternatives = syntax.alternatives.map { alternative in
            Alternative(selector: complex(alternative.selector), output: output(alternative.output))
        }
    }

    deinit {
        for string in strings { string.deallocate() }
    }

    private func string(_ text: String) -> XMLText {
        let bytes = Array(text.utf8)
        let memory = UnsafeMutablePointer<xmlChar>.allocate(capacity: bytes.count + 1)
        memory.initialize(from: bytes, count: bytes.count)
        memory[bytes.count] = 0
        strings.append(memory)
        return XMLText(memory)
    }

    private func name(_ text: String) -> Name {
        Name(html: string(text.asciiLowercased), xml: string(text))
    }

    private func output(_ output: SelectorSyntax.Output) -> Output {
        switch output {
        case .element: .element
        case .ownText: .ownText
        case .markup: .markup
        case .attribute(let attribute): .attribute(name(attribute))
        }
    }

    private func complex(_ selector: ComplexSelector) -> Complex {
        Complex(
            subject: compound(selector.subject),
            links: selector.context.map { Link(combinator: $0.combinator, compound: compound($0.compound)) })
    }

    private func compound(_ selector: CompoundSelector) -> Compound {
        Compound(type: selector.type.map(name), conditions: selector.conditions.map(condition))
    }

    private func condition(_ condition: SimpleSelector) -> Condition {
        switch condition {
        case .id(let id): .id(string(id))
        case .hasClass(let name): .hasClass(string(name), count: name.utf8.count)
        case .attribute(let attribute): .attribute(self.attribute(attribute))
        case .nth(let nth): .nth(nth)
        case .isAny(let selectors): .isAny(selectors.map(complex))
        case .isNone(let selectors): .isNone(selectors.map(complex))
        case .has(let selectors): .has(selectors.map(relative))
        case .language(let ranges): .language(ranges.map(language))
        default: .state(condition)
        }
    }

    private func attribute(_ condition: AttributeCondition) -> Attribute {
        Attribute(
            name: name(condition.name), comparison: condition.comparison, value: string(condition.value),
            valueCount: condition.value.utf8.count, ignoresCase: condition.ignoresCase)
    }

    private func language(_ range: String) -> Attribute {
        attribute(
            AttributeCondition(name: "lang", comparison: .equalsOrDash, value: range, ignoresCase: true))
    }

    private func relative(_ selector: ComplexSelector) -> Relative {
        let combinators = selector.context.map(\.combinator)
        return Relative(
            selector: complex(selector), startsWithSibling: combinators.last?.isSibling ?? false,
            descends: combinators.contains { !$0.isSibling })
    }
}
