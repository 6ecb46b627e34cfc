import Foundation

/// The project's Swift files as the structure tests read them.
struct SourceTree {
    struct File {
        /// From the project's root: `Sources/HTTPCore/Wire/RequestParser.swift`.
        var path: String
        var lines: [String]

        var folder: String { String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }

        /// Without comments and string literals: the names the code itself uses.
        var code: String {
            lines.map { line in
                var text = line.replacing(/"(?:\\.|[^"\\])*"/, with: "\"\"")
                if let comment = text.firstRange(of: "//") { text = String(text[..<comment.lowerBound]) }
                return text
            }.joined(separator: "\n")
        }

        var imports: [String] {
            lines.compactMap { line in
                line.firstMatch(
                    of:
                        /^\s*(?:(?:public|package|internal|private|fileprivate|@testable)\s+)*import\s+(?:struct\s+|class\s+|enum\s+|func\s+)?(\w+)/
                )
                .map { String($0.1) }
            }
        }
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static func files(under folder: String) -> [File] {
        let base = root.appending(path: folder)
        let walker = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
        var files: [File] = []
        while let url = walker?.nextObject() as? URL {
            guard url.pathExtension == "swift", let text = try? String(contentsOf: url, encoding: .utf8)
            else { continue }
            let path = String(url.path.dropFirst(root.path.count + 1))
            files.append(
                File(
                    path: path,
                    lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)))
        }
        return files.sorted { $0.path < $1.path }
    }

    /// Types that `files` declare at the top level or inside others, private ones left out.
    static func types(in files: [File]) -> Set<String> {
        var names: Set<String> = []
        for file in files {
            for match in file.code.matches(
                of:
                    /(?m)^(?:(?:@\w+(?:\([^)]*\))?|public|package|internal|final|indirect|nonisolated)\s+)*(?:class|struct|enum|actor|protocol|typealias)\s+(\w+)/
            ) {
                names.insert(String(match.1))
            }
        }
        return names
    }
}
