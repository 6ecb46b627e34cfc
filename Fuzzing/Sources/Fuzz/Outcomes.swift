/// Inputs on stdin, one a line, as hexadecimal digits; for each one a line of JSON on stdout: the messages, and how it
/// ended. Bytes are hexadecimal there too.
enum Outcomes {
    static func answerAll() {
        while let line = readLine() { print(json(WireRun.outcome(of: bytes(line), .request).outcome)) }
    }

    private static func bytes(_ line: String) -> [UInt8] {
        let digits = line.utf8.map { UInt8($0 & 0xF) + ($0 > UInt8(ascii: "9") ? 9 : 0) }
        return stride(from: 1, to: digits.count, by: 2).map { digits[$0 - 1] << 4 | digits[$0] }
    }

    private static func json(_ outcome: WireOutcome) -> String {
        let messages = outcome.messages.map(json).joined(separator: ",")
        let end =
            switch outcome.end {
            case .open: "[\"open\"]"
            case .closed: "[\"closed\"]"
            case .refused(let status, let reason): "[\"refused\",\(status),\"\(reason)\"]"
            }
        return "{\"messages\":[\(messages)],\"end\":\(end)}"
    }

    private static func json(_ message: WireMessage) -> String {
        guard let head = message.head else { return "null" }
        let target = head.path + (head.query.map { "?\($0)" } ?? "")
        let fields = zip(head.names, head.values).map { "[\"\(hex(Array($0.utf8)))\",\"\(hex($1))\"]" }
        return """
            {"method":"\(hex(Array(head.method.utf8)))","target":"\(hex(Array(target.utf8)))",\
            "minor":\(head.minorVersion),"fields":[\(fields.joined(separator: ","))],\
            "body":"\(hex(message.body))","end":\(message.end)}
            """
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
