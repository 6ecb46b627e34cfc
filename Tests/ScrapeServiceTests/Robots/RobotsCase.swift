import Foundation

@testable import ScrapeService

/// One file of `robots.cases` and what must be read from it.
struct RobotsCase: CustomStringConvertible {
    enum Check {
        case path(token: String, String, allowed: Bool)
        case delay(token: String, seconds: Double?)
    }

    var source = ""
    var sentence = ""
    var file: [UInt8] = []
    var checks: [Check] = []
    var sitemaps: [String] = []

    var description: String { "\(source): \(sentence)" }

    static let all: [RobotsCase] = {
        let url = SourceTree.root.appending(path: "Tests/ScrapeServiceTests/Robots/robots.cases")
        // A test of the count fails where the file is not there.
        let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
        var cases: [RobotsCase] = []
        var inFile = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("=== ") {
                let parts = line.dropFirst(4).split(separator: " | ", maxSplits: 1).map(String.init)
                cases.append(RobotsCase(source: parts[0], sentence: parts.count > 1 ? parts[1] : ""))
                inFile = true
            } else if cases.isEmpty {
                continue
            } else if line == "---" {
                inFile = false
            } else if inFile {
                cases[cases.count - 1].file += unescape(line)
            } else if !line.isEmpty {
                cases[cases.count - 1].expect(line)
            }
        }
        return cases
    }()

    private mutating func expect(_ line: Substring) {
        let words = line.split(separator: " ").map(String.init)
        if words[0] == "sitemap" { return sitemaps.append(words[1]) }
        if words[1] == "delay" {
            return checks.append(.delay(token: words[0], seconds: Double(words[2])))
        }
        precondition(["allow", "disallow"].contains(words[2]), "\(line)")
        checks.append(.path(token: words[0], words[1], allowed: words[2] == "allow"))
    }

    private static func unescape(_ line: Substring) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = line[...]
        while let character = rest.popFirst() {
            guard character == "\\" else {
                bytes += Array(String(character).utf8)
                continue
            }
            switch rest.popFirst() {
            case "r": bytes.append(0x0D)
            case "t": bytes.append(0x09)
            case "\\": bytes.append(UInt8(ascii: "\\"))
            case "x":
                bytes.append(UInt8(rest.prefix(2), radix: 16)!)
                rest = rest.dropFirst(2)
            case "c": return bytes
            default: preconditionFailure("unknown escape in \(line)")
            }
        }
        return bytes + [0x0A]
    }
}
