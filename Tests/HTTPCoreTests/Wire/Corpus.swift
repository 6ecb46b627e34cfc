import Foundation
import Testing

/// One stream of bytes from a client, what the RFC says about it, and what becomes of it.
struct CorpusCase: CustomTestStringConvertible, Sendable {
    let area: String
    let section: String
    let about: String
    let bytes: [UInt8]
    /// In order; nothing follows a refusal or a request that closes.
    let outcomes: [CorpusOutcome]

    var testDescription: String { "\(area): \(about) (\(section))" }

    /// Whether the next message, were there one, would be read.
    var leavesConnectionOpen: Bool {
        if case .accepted(let message)? = outcomes.last { return !message.closes }
        return false
    }
}

enum CorpusOutcome: Hashable, Sendable {
    case accepted(CorpusMessage)
    /// The answer to a refused HEAD has no content.
    case refused(status: Int, isEmpty: Bool)
    case incompleteHead
    case incompleteBody
}

/// A request as it was understood.
struct CorpusMessage: Hashable, Sendable {
    var method: String
    /// Path and query.
    var target: String
    /// `nil` where the case does not say.
    var host: String?
    /// The connection ends behind it.
    var closes = false
    var expectsContinue = false
    var body: [UInt8] = []
}

/// The files of `Corpus/`; `Corpus/README.md` has their syntax.
enum Corpus {
    struct Malformed: Error, CustomStringConvertible {
        let file: String
        let line: Int
        let reason: String
        var description: String { "\(file):\(line): \(reason)" }
    }

    /// All cases. Throws at the first that is malformed.
    static func load() throws -> [CorpusCase] {
        let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path())
        return try names.filter { $0.hasSuffix(".cases") }.sorted().flatMap { name in
            let text = try String(contentsOf: directory.appending(path: name), encoding: .utf8)
            return try parse(text, file: name)
        }
    }

    static func parse(_ text: String, file: String) throws -> [CorpusCase] {
        var parser = CorpusParser(file: file)
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            try parser.take(String(line))
        }
        return try parser.finish()
    }
}

/// Goes through a file line by line.
private struct CorpusParser {
    let file: String
    private var lineNumber = 0
    private var title: (section: String, about: String)?
    private var bytes: [UInt8] = []
    private var outcomes: [CorpusOutcome] = []
    private var cases: [CorpusCase] = []

    init(file: String) { self.file = file }

    mutating func take(_ line: String) throws {
        lineNumber += 1
        if line.hasSuffix(" ") || line.hasSuffix("\t") { throw malformed("white space at the end") }
        if line.hasPrefix("=== ") {
            try endCase()
            try begin(line.dropFirst(4))
        } else if title == nil {
            guard line.isEmpty || line.hasPrefix("#") else { throw malformed("text outside of a case") }
        } else if line.hasPrefix("--> ") {
            try takeOutcome(String(line.dropFirst(4)))
        } else if line.isEmpty {
            try endCase()
        } else {
            guard outcomes.isEmpty else { throw malformed("bytes behind an outcome") }
            bytes += try unescape(line)
        }
    }

    mutating func finish() throws -> [CorpusCase] {
        try endCase()
        if cases.isEmpty { throw malformed("no case") }
        return cases
    }

    private mutating func begin(_ text: Substring) throws {
        guard let colon = text.firstRange(of: ": "), text.hasPrefix("RFC ") else {
            throw malformed("a title is `=== RFC number section: about`")
        }
        title = (String(text[..<colon.lowerBound]), String(text[colon.upperBound...]))
    }

    private mutating func endCase() throws {
        guard let title else { return }
        guard !bytes.isEmpty, !outcomes.isEmpty else { throw malformed("a case without bytes or outcome") }
        cases.append(
            CorpusCase(
                area: String(file.prefix { $0 != "." }), section: title.section, about: title.about,
                bytes: bytes, outcomes: outcomes))
        self.title = nil
        bytes = []
        outcomes = []
    }

    private mutating func takeOutcome(_ text: String) throws {
        if let last = outcomes.last {
            guard case .accepted(let message) = last, !message.closes else {
                throw malformed("an outcome behind the end of the connection")
            }
        }
        outcomes.append(try outcome(text))
    }

    private func outcome(_ text: String) throws -> CorpusOutcome {
        switch text {
        case "incomplete head": return .incompleteHead
        case "incomplete body": return .incompleteBody
        default: break
        }
        let words = text.split(separator: " ", maxSplits: 2).map(String.init)
        if let status = Int(words[0]) {
            let isEmpty = words.count == 2 && words[1] == "empty"
            guard (400...599).contains(status), words.count == 1 || isEmpty else {
                throw malformed("a refusal is a status of 400…599 and perhaps `empty`")
            }
            return .refused(status: status, isEmpty: isEmpty)
        }
        guard words.count > 1 else { throw malformed("an outcome without a target") }
        var message = CorpusMessage(method: try plain(words[0]), target: try plain(words[1]))
        if words.count == 3 { try takeDetails(words[2][...], into: &message) }
        return .accepted(message)
    }

    /// `host=… close continue "body"`, each where it is so.
    private func takeDetails(_ text: Substring, into message: inout CorpusMessage) throws {
        if text.hasPrefix("\"") {
            guard text.count > 2, text.hasSuffix("\"") else { throw malformed("an open or empty body") }
            message.body = try unescape(String(text.dropFirst().dropLast()))
            return
        }
        let word = text.prefix { $0 != " " }
        switch word {
        case "close": message.closes = true
        case "continue": message.expectsContinue = true
        case _ where word.hasPrefix("host="): message.host = String(word.dropFirst(5))
        default: throw malformed("\(word) is no detail of a request")
        }
        let rest = text.dropFirst(word.count + 1)
        if !rest.isEmpty { try takeDetails(rest, into: &message) }
    }

    private func plain(_ escaped: String) throws -> String {
        String(decoding: try unescape(escaped), as: UTF8.self)
    }

    /// `\r \n \t \0 \\ \" \xHH \{count*text}`; everything else is ASCII that stands for itself.
    private func unescape(_ text: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let character = rest.popFirst() {
            guard let ascii = character.asciiValue else { throw malformed("\(character) is not ASCII") }
            guard character == "\\" else {
                bytes.append(ascii)
                continue
            }
            switch rest.popFirst() {
            case "r": bytes.append(UInt8(ascii: "\r"))
            case "n": bytes.append(UInt8(ascii: "\n"))
            case "t": bytes.append(UInt8(ascii: "\t"))
            case "0": bytes.append(0)
            case "\\": bytes.append(UInt8(ascii: "\\"))
            case "\"": bytes.append(UInt8(ascii: "\""))
            case "x":
                let digits = rest.prefix(2)
                guard digits.count == 2, let byte = UInt8(digits, radix: 16) else {
                    throw malformed("\\x without two digits")
                }
                bytes.append(byte)
                rest = rest.dropFirst(2)
            case "{":
                let inner = rest.prefix { $0 != "}" }
                let parts = inner.split(separator: "*", maxSplits: 1)
                guard parts.count == 2, let count = Int(parts[0]), inner.endIndex < rest.endIndex else {
                    throw malformed("\\{ without count, * and }")
                }
                let repeated = try unescape(String(parts[1]))
                for _ in 0..<count { bytes += repeated }
                rest = rest[rest.index(after: inner.endIndex)...]
            default: throw malformed("an unknown escape")
            }
        }
        return bytes
    }

    private func malformed(_ reason: String) -> Corpus.Malformed {
        Corpus.Malformed(file: file, line: lineNumber, reason: reason)
    }
}
