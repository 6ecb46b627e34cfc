import HTTPCore
import HTTPTypes

/// A list's answer: `{"items": […], "next": …}` and `Link: <…>; rel="next"` (RFC 8288).
enum Paged {
    /// `resume` is written where it is not nil.
    static func response(
        next: String?, resume: String? = nil, items: (inout JSONWriter) -> Void
    ) -> Response {
        var writer = JSONWriter(capacity: 4096)
        writer.object { body in
            body.key("items")
            body.array { items(&$0) }
            body.key("next")
            body.string(optional: next)
            if let resume {
                body.key("resume")
                body.string(resume)
            }
        }
        var response = Response.json(.ok, writer.bytes)
        if let next { response.headers[HTTPField.Name("Link")!] = "<\(next)>; rel=\"next\"" }
        return response
    }
}
