import Foundation
import Testing

/// Habits of CONTRIBUTING.md that a test can hold.
@Suite struct TidyTests {
    /// Data in Swift's clothes: generated, or a table of cases.
    private static let tables = ["WordBreakTable.swift"]
    private static let maxFileLines = 400
    private static let maxFunctionLines = 70
    private static let maxLineLength = 120

    private var sources: [SourceTree.File] { SourceTree.sources }
    private var all: [SourceTree.File] { sources + SourceTree.tests + SourceTree.examples }

    @Test func noFileIsLongerThanAReaderCanHold() {
        for file in sources where !Self.tables.contains(where: file.path.hasSuffix) {
            #expect(file.lines.count <= Self.maxFileLines, "\(file.path): \(file.lines.count) lines")
        }
    }

    @Test func noFunctionIsLongerThanAScreen() {
        for file in sources {
            for function in Self.functions(file) where function.length > Self.maxFunctionLines {
                Issue.record("\(file.path):\(function.line): \(function.length) lines")
            }
        }
    }

    /// From a `func` or `init` to the brace that closes it, by indentation, which the formatter keeps.
    private static func functions(_ file: SourceTree.File) -> [(line: Int, length: Int)] {
        var found: [(line: Int, length: Int)] = []
        for (index, line) in file.code.enumerated() where !line.hasSuffix("}") {
            guard line.contains("func ") || line.contains("init(") else { continue }
            let closing = line.prefix { $0 == " " } + "}"
            guard let end = file.code[(index + 1)...].firstIndex(where: { $0 == closing }) else { continue }
            found.append((index + 1, end - index + 1))
        }
        return found
    }

    @Test func everyEscapeFromTheCompilersChecksSaysWhy() {
        let escapes = ["@unchecked Sendable", "nonisolated(unsafe)", "try!"]
        for file in sources {
            for (index, line) in file.code.enumerated() where escapes.contains(where: line.contains) {
                let above = index > 0 ? file.lines[index - 1].drop { $0 == " " } : ""
                #expect(above.hasPrefix("//"), "\(file.path):\(index + 1) gives no reason on the line above")
            }
        }
    }

    @Test func nothingIsLeftForLater() {
        let marks = ["TO" + "DO", "FIX" + "ME", "XC" + "TSkip", ".dis" + "abled("]
        for file in all {
            for mark in marks {
                #expect(!file.lines.contains { $0.contains(mark) }, "\(file.path) has \(mark)")
            }
        }
    }

    @Test func noFolderIsADrawerForEverything() {
        let drawers: Set<Substring> = ["Utils", "Util", "Helpers", "Common", "Misc", "Shared"]
        for file in all {
            #expect(drawers.isDisjoint(with: file.path.split(separator: "/").dropLast()), "\(file.path)")
        }
    }

    @Test func aTestFileMirrorsAFolderOfTheSources() {
        let rooms = Set(sources.map { String($0.folder.dropFirst("Sources/".count)) })
        let extra: Set<String> = [
            "ScrapeServiceTests/Structure", "ScrapeServiceTests/Fixtures", "HTTPCoreTests/Fixtures",
        ]
        for file in SourceTree.tests {
            let folder = String(file.folder.dropFirst("Tests/".count))
            let room = folder.replacing("HTTPCoreTests", with: "HTTPCore").replacing(
                "ScrapeServiceTests", with: "ScrapeService"
            ).replacing("PrometheusMetricsTests", with: "PrometheusMetrics")
            let isMirror =
                rooms.contains(room) || rooms.contains { $0.hasPrefix(room) } || extra.contains(folder)
            #expect(isMirror, "\(file.path) mirrors no folder")
        }
    }

    @Test func theArchitectureFitsIntoOneReading() throws {
        let text = try String(contentsOf: SourceTree.root.appending(path: "ARCHITECTURE.md"), encoding: .utf8)
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 150)
        for folder in ["HTTPCore", "ScrapeService"] {
            let files = sources.filter { $0.path.hasPrefix("Sources/\(folder)/") }
            let rooms = Set(files.compactMap { $0.room.split(separator: "/").first })
            for room in rooms {
                #expect(text.contains("`\(room)`") || text.contains("\(room)/"), "the code map lacks \(room)")
            }
        }
    }
}
