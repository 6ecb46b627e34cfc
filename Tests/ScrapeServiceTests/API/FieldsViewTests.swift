import Foundation
import Testing

@testable import ScrapeService

@Suite struct FieldsViewTests {
    private func makeSnapshot(
        name: String? = nil, warnings: [JobSnapshot.WarningCount] = [], fields: [FieldCoverage] = []
    ) -> JobSnapshot {
        JobSnapshot(
            id: .make(), name: name, state: .completed, stopReason: .finished, outcome: .partial,
            createdAt: Date(timeIntervalSince1970: 0), startedAt: Date(timeIntervalSince1970: 1),
            finishedAt: Date(timeIntervalSince1970: 2), counters: JobCounters(), gauges: JobGauges(),
            failures: [], warnings: warnings, fields: fields, version: 1)
    }

    private func body(_ job: JobSnapshot) throws -> JSONValue {
        let bytes = JobView(job: job).bytes
        #expect(bytes.count <= JobView.maxBytes)
        return try JSONParser.parse(bytes)
    }

    @Test func coverageAndWarningsNameTheirFields() throws {
        let status = try body(
            makeSnapshot(
                warnings: [
                    .init(code: "type_mismatch", count: 2, kind: "advert", field: "price"),
                    .init(code: "robots", count: 1),
                ],
                fields: [FieldCoverage(kind: "advert", field: "price", filled: 3, items: 5)]))
        #expect(
            status["fields"]?.bytes == Array(#"[{"page":"advert","name":"price","filled":3,"of":5}]"#.utf8))
        guard case .array(let warnings)? = status["warnings"] else {
            Issue.record("no warnings")
            return
        }
        #expect(warnings.map { $0["code"]?.string } == ["type_mismatch", "robots"])
        #expect(warnings[0]["page"]?.string == "advert" && warnings[0]["field"]?.string == "price")
        #expect(
            warnings[0]["detail"]?.string
                == "2 values of the field price (page kind advert) could not be read as its type")
        #expect(warnings[1]["page"] == nil && warnings[1]["field"] == nil)
        #expect(status["links"]?["self"]?.string?.hasPrefix("/v1/jobs/") == true)
    }

    @Test func everyCodeHasASentenceOfItsOwn() throws {
        let sentences = try FieldWarning.Code.allCases.map { code in
            let warning = JobSnapshot.WarningCount(
                code: code.rawValue, count: 1, kind: "advert", field: code == .noItems ? nil : "price")
            guard case .array(let warnings)? = try body(makeSnapshot(warnings: [warning]))["warnings"] else {
                return ""
            }
            return try #require(warnings.first?["detail"]?.string)
        }
        #expect(Set(sentences).count == FieldWarning.Code.allCases.count)
        #expect(sentences.allSatisfy { $0.contains("advert") && $0.hasPrefix("1 ") })
    }

    /// Names of 200 characters of four bytes, or of quotes that JSON doubles.
    @Test(arguments: ["🏍", "\"", "é", "a"])
    func theStatusStaysWithinFourKiB(_ character: Character) throws {
        let long = String(repeating: character, count: 195)
        let codes = FieldWarning.Code.allCases.map(\.rawValue)
        let status = try body(
            makeSnapshot(
                name: long + "naam",
                warnings: (0..<100).map {
                    .init(code: codes[$0 % codes.count], count: $0 + 1, kind: long, field: "\(long)\($0)")
                },
                fields: (0..<100).map {
                    FieldCoverage(kind: "p", field: "\(long)\($0)", filled: $0, items: 500)
                }))
        guard case .array(let warnings)? = status["warnings"], case .array(let fields)? = status["fields"]
        else {
            Issue.record("no lists")
            return
        }
        #expect(!warnings.isEmpty && !fields.isEmpty)
        #expect(fields.first?["name"]?.string == long + "0", "names are whole or left out")
    }

    @Test func noCodeHidesAnother() throws {
        let many = (0..<90).map {
            JobSnapshot.WarningCount(
                code: "required_missing", count: 1000 - $0, kind: "advert", field: "field \($0)")
        }
        let one = JobSnapshot.WarningCount(code: "pattern_exhausted", count: 1, kind: "advert", field: "x")
        guard case .array(let warnings)? = try body(makeSnapshot(warnings: many + [one]))["warnings"] else {
            Issue.record("no warnings")
            return
        }
        #expect(warnings.prefix(2).map { $0["code"]?.string } == ["required_missing", "pattern_exhausted"])
        #expect(warnings.count > 5 && warnings.count < 91)
    }
}
