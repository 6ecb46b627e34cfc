/// What a client sends again and again, and how it knows the end of the answers.
struct Scenario {
    var name: String
    /// All that is sent in one write.
    var bytes: [UInt8]
    /// Requests in `bytes`.
    var depth = 1
    /// Stands at the end of every answer, and nowhere else in it.
    var answerEnd: [UInt8]

    private init(_ name: String, _ request: String, depth: Int = 1, answerEnd: String) {
        self.name = name
        bytes = Array(String(repeating: request, count: depth).utf8)
        self.depth = depth
        self.answerEnd = Array(answerEnd.utf8)
    }

    static let all: [Scenario] = [
        Scenario("GET", head("GET", "/"), answerEnd: Routes.hello),
        Scenario("GET, pipelined x 16", head("GET", "/"), depth: 16, answerEnd: Routes.hello),
        Scenario("GET, handler suspends", head("GET", "/suspended"), answerEnd: Routes.hello),
        Scenario("GET, 10 more fields", head("GET", "/", fields: fields), answerEnd: Routes.hello),
        Scenario(
            "GET, 10 more fields, all read", head("GET", "/fields", fields: fields), answerEnd: Routes.hello),
        Scenario(
            "POST 1 KiB, echoed", head("POST", "/echo", fields: "Content-Length: 1024\r\n") + body,
            answerEnd: bodyEnd),
        Scenario(
            "POST 1 KiB in 4 chunks, echoed",
            head("POST", "/echo", fields: "Transfer-Encoding: chunked\r\n") + chunked(body, pieces: 4),
            answerEnd: bodyEnd),
        Scenario("GET, 10 chunks streamed", head("GET", "/stream"), answerEnd: "\r\n0\r\n\r\n"),
    ]

    private static let bodyEnd = "<end of the body>"
    private static let body = String(repeating: "x", count: 1024 - bodyEnd.utf8.count) + bodyEnd

    /// As a browser sends them: names that are known, values too long to be stored in place.
    private static let fields = """
        User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r
        Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r
        Accept-Language: nl,en-US;q=0.7,en;q=0.3\r
        Accept-Encoding: gzip, deflate, br, zstd\r
        Referer: http://127.0.0.1:8080/somewhere/else\r
        Cookie: session=0123456789abcdef0123456789abcdef\r
        Sec-Fetch-Dest: document-or-something-else\r
        Sec-Fetch-Mode: navigate-or-something-else\r
        Cache-Control: max-age=0, must-revalidate\r
        X-Forwarded-For: 192.0.2.1, 198.51.100.17\r

        """

    private static func head(_ method: String, _ path: String, fields: String = "") -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(fields)\r\n"
    }

    private static func chunked(_ body: String, pieces: Int) -> String {
        let size = body.utf8.count / pieces
        let bytes = Array(body.utf8)
        let chunks = (0..<pieces).map { piece in
            let data = String(decoding: bytes[(piece * size)..<((piece + 1) * size)], as: UTF8.self)
            return "\(String(size, radix: 16))\r\n\(data)\r\n"
        }
        return chunks.joined() + "0\r\n\r\n"
    }
}
