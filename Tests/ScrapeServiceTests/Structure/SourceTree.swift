import Foundation

/// The project's Swift files as the structure tests read them.
struct SourceTree {
    struct File {
        /// From the project's root: `Sources/HTTPCore/Wire/RequestParser.swift`.
        var path: String
        var lines: [String]
        /// The lines without comments and string literals: what the code itself says.
        var code: [String]
        /// The identifiers of the code, each once.
        var names: Set<String>

        init(path: String, text: String) {
            self.path = path
            lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            code = SourceTree.strip(text).split(separator: "\n", omittingEmptySubsequences: false).map(
                String.init)
            names = Set(code.flatMap(SourceTree.identifiers).map(String.init))
        }

        var folder: String { path.split(separator: "/").dropLast().joined(separator: "/") }

        /// The folder below the target's.
        var room: String { path.split(separator: "/").dropFirst(2).dropLast().joined(separator: "/") }

        var imports: [String] {
            code.compactMap { line in
                let words = line.split(separator: " ")
                guard let index = words.firstIndex(of: "import"), index < 3 else { return nil }
                return words.last.map(String.init)
            }
        }

        /// Types declared at the top level that other files can see.
        var types: Set<String> { declared { $0.first != " " } }

        /// Types declared inside others, or seen in this file only.
        var nestedTypes: Set<String> { declared(seenByOthers: false) { _ in true } }

        private func declared(seenByOthers: Bool = true, _ counts: (String) -> Bool) -> Set<String> {
            let kinds: Set<Substring> = ["class", "struct", "enum", "actor", "protocol", "typealias"]
            return Set(
                code.filter(counts).compactMap { line in
                    let words = SourceTree.identifiers(line)
                    guard let kind = words.firstIndex(where: kinds.contains), kind + 1 < words.count,
                        !seenByOthers || !words[..<kind].contains(where: { $0.hasSuffix("private") })
                    else { return nil }
                    return String(words[kind + 1])
                })
        }
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let sources = files(under: "Sources")
    static let tests = files(under: "Tests")
    static let examples = files(under: "Examples")

    private static func files(under folder: String) -> [File] {
        let walker = FileManager.default.enumerator(
            at: root.appending(path: folder), includingPropertiesForKeys: nil)
        var files: [File] = []
        while let url = walker?.nextObject() as? URL {
            guard url.pathExtension == "swift", let text = try? String(contentsOf: url, encoding: .utf8)
            else { continue }
            files.append(File(path: String(url.path.dropFirst(root.path.count + 1)), text: text))
        }
        return files.sorted { $0.path < $1.path }
    }

    /// Blanks what stands in quotes or behind `//`; keeps the lines.
    private static func strip(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let quote = UInt8(ascii: "\"")
        var code: [UInt8] = []
        code.reserveCapacity(bytes.count)
        var index = 0
        func starts(_ mark: String, at index: Int) -> Bool { bytes[index...].starts(with: mark.utf8) }
        func skip(to mark: String, from start: Int, escapes: Bool) -> Int {
            var index = start
            while index < bytes.count, !starts(mark, at: index) {
                if bytes[index] == 0x0A { code.append(0x0A) }
                index += escapes && bytes[index] == UInt8(ascii: "\\") ? 2 : 1
            }
            return index + mark.utf8.count
        }
        while index < bytes.count {
            if starts("//", at: index) {
                while index < bytes.count, bytes[index] != 0x0A { index += 1 }
            } else if starts("#\"\"\"", at: index) {
                index = skip(to: "\"\"\"#", from: index + 4, escapes: false)
            } else if starts("\"\"\"", at: index) {
                index = skip(to: "\"\"\"", from: index + 3, escapes: true)
            } else if starts("#\"", at: index) {
                index = skip(to: "\"#", from: index + 2, escapes: false)
            } else if bytes[index] == quote {
                // A lone quote, as in a regular expression, must not swallow the file.
                let end = bytes[index...].firstIndex(of: 0x0A) ?? bytes.count
                let before = code.count
                let after = skip(to: "\"", from: index + 1, escapes: true)
                index = after <= end ? after : index + 1
                if index != after { code.removeSubrange(before...) }
            } else {
                code.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: code, as: UTF8.self)
    }

    private static func identifiers(_ line: String) -> [Substring] {
        line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
    }
}
