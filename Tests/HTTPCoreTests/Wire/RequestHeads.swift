@testable import HTTPCore
import HTTPTypes

extension RequestReader {
    mutating func read(_ parser: RequestParser, _ bytes: Span<UInt8>) throws(HTTPError) -> RequestHead {
        var head = RequestHead()
        try read(parser, bytes, from: nil, into: &head)
        return head
    }
}

extension RequestHead {
    var method: HTTPRequest.Method { request.method }
    var path: String { request.path }
    var query: String? { request.query }
    var headers: HTTPFields { request.headers }
    var requestID: String { request.id }
}
