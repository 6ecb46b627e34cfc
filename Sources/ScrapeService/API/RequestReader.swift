/// Reads what a start entry or a follow rule says of its requests: `method`, `headers`, `body`, and a rule's `url`.
struct RequestReader {
    /// Those that ask for something or send something; what a HEAD, OPTIONS, TRACE or CONNECT gives is no page.
    static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    /// Of a body with its longest values filled in; each page has its own.
    static let maxBodyBytes = 64 << 10
    /// Of a request's header fields together, filled in: servers in wide use take no more.
    static let maxHeaderBytes = 32 << 10
    /// A link that is filled into a body; longer ones are passed over.
    static let maxLinkBytes = 8_000
    /// Places of a link in one URL, or in all header fields of a request: few are as long as they may be.
    static let maxLinkPlaces = 4

    /// What stands in braces and is filled in, and the bytes of its longest value.
    let longest: [String: Int]
    /// It reads a follow rule: what is filled in is known when it is.
    var isOfLinks = false
    let findings: Findings

    /// Of a follow rule.
    static func links(_ findings: Findings) -> RequestReader {
        RequestReader(longest: [FollowRule.placeholder: maxLinkBytes], isOfLinks: true, findings: findings)
    }

    /// Nil: a plain GET.
    func read(_ object: inout ObjectReader) -> RequestTemplate? {
        let given = object.choice("method", Self.methods)
        let fields =
            object.value("headers").map {
                JobReader.readHeaders($0, at: object.place("headers"), findings)
            } ?? []
        let written = object.value("body")
        let body = written.flatMap { readBody($0, at: object.place("body")) }
        let method = given ?? (written == nil ? "GET" : "POST")
        if method == "GET", written != nil {
            findings.add(object.place("body"), "is for other methods: a GET has no body")
        }
        var headers = fields.map {
            RequestTemplate.Header(name: $0.name, value: template($0.value, .fieldValue))
        }
        if let written, written.string == nil,
            !fields.contains(where: { $0.name.lowercased() == "content-type" })
        {
            headers.append(.init(name: "Content-Type", value: template("application/json", .plain)))
        }
        checkHeaders(headers, in: object)
        guard method != "GET" || !headers.isEmpty else { return nil }
        return RequestTemplate(method: method, headers: headers, body: body)
    }

    /// A rule's `url`. Nil: there is none, or, with a finding, it will not do.
    func readURL(
        _ object: inout ObjectReader, _ request: RequestTemplate?, _ urls: any URLParsing
    ) -> TextTemplate? {
        guard let text = object.string("url", maxLength: StartReader.maxURLLength) else { return nil }
        let url = template(text, .percent)
        if url.literals.contains(where: { $0.contains("{") || $0.contains("}") }) {
            findings.add(object.place("url"), "has braces around something else than link")
            return nil
        }
        if url.places.isEmpty, request?.names.isEmpty != false {
            findings.add(
                object.place("url"), "must name {link}, or headers or body must: else all links lead to it")
        }
        if url.places.count > Self.maxLinkPlaces {
            findings.add(object.place("url"), "must name {link} at most \(Self.maxLinkPlaces) times")
            return nil
        }
        let example = url.text(with: [FollowRule.placeholder: "1"])
        if urls.resolve([example], against: "http://host.example/")[0] == nil {
            findings.add(object.place("url"), "is no http or https URL: \(example.prefix(200))")
            return nil
        }
        return url
    }

    // MARK: Templates

    private func readBody(_ value: JSONValue, at pointer: String) -> TextTemplate? {
        if value == .null {
            findings.add(pointer, "must be a string, or JSON that is not null")
            return nil
        }
        var body = TextTemplate()
        if case .string(let text) = value { fill(text, .plain, &body) } else { write(value, &body) }
        if body.maxBytes(longest) > Self.maxBodyBytes {
            findings.add(pointer, "must have at most \(Self.maxBodyBytes) bytes with \(longestSaid)")
        }
        return body
    }

    private var longestSaid: String {
        isOfLinks
            ? "a link of \(Self.maxLinkBytes) bytes filled in" : "its longest values filled in"
    }

    private func checkHeaders(_ headers: [RequestTemplate.Header], in object: ObjectReader) {
        let links = headers.reduce(0) { $0 + $1.value.places.count { $0.name == FollowRule.placeholder } }
        if isOfLinks, links > Self.maxLinkPlaces {
            findings.add(object.place("headers"), "must name {link} at most \(Self.maxLinkPlaces) times")
        }
        var bytes = 0
        for header in headers {
            let value = header.value.maxBytes(isOfLinks ? [:] : longest)
            bytes += header.name.utf8.count + value
            if value > JobReader.maxHeaderLength, !header.value.places.isEmpty {
                findings.add(
                    object.place("headers") + "/" + JSONPointer.escape(header.name),
                    "must have at most \(JobReader.maxHeaderLength) bytes with its longest values filled in")
            }
        }
        if bytes > Self.maxHeaderBytes {
            findings.add(
                object.place("headers"), "must have at most \(Self.maxHeaderBytes) bytes together")
        }
    }

    /// Compact JSON; strings, but no names, have places.
    private func write(_ value: JSONValue, _ body: inout TextTemplate) {
        switch value {
        case .string(let text):
            let whole = template(text, .plain)
            if whole.places.count == 1, whole.literals == ["", ""] {
                return body.append(.init(name: whole.places[0].name, encoding: .jsonValue))
            }
            body.append("\"")
            fill(text, .jsonString, &body)
            body.append("\"")
        case .array(let elements):
            body.append("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { body.append(",") }
                write(element, &body)
            }
            body.append("]")
        case .object(let members):
            body.append("{")
            for (index, member) in members.enumerated() {
                if index > 0 { body.append(",") }
                body.append(Self.json(.string(member.name)) + ":")
                write(member.value, &body)
            }
            body.append("}")
        case .null, .bool, .number: body.append(Self.json(value))
        }
    }

    private static func json(_ value: JSONValue) -> String { String(decoding: value.bytes, as: UTF8.self) }

    private func template(_ text: String, _ encoding: TextTemplate.Encoding) -> TextTemplate {
        var template = TextTemplate()
        fill(text, encoding, &template)
        return template
    }

    /// Braces around anything but a name of ``longest`` stand for themselves: JSON and GraphQL are full of them.
    private func fill(_ text: String, _ encoding: TextTemplate.Encoding, _ template: inout TextTemplate) {
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            let inside = rest[rest.index(after: open)...]
            guard let close = inside.firstIndex(where: { $0 == "}" || $0 == "{" }), inside[close] == "}",
                longest[String(inside[..<close])] != nil
            else {
                append(rest[...open], encoding, &template)
                rest = inside
                continue
            }
            append(rest[..<open], encoding, &template)
            template.append(.init(name: String(inside[..<close]), encoding: encoding))
            rest = inside[inside.index(after: close)...]
        }
        append(rest, encoding, &template)
    }

    private func append(
        _ text: Substring, _ encoding: TextTemplate.Encoding, _ template: inout TextTemplate
    ) {
        guard encoding == .jsonString else { return template.append(String(text)) }
        template.append(String(Self.json(.string(String(text))).dropFirst().dropLast()))
    }
}
