public import HTTPTypes

/// Finds a request's handler by method and path, such as `/v1/jobs/{id}/cancel`. A literal segment wins over a parameter.
public struct Router: Responder {
    /// One place in the tree of path segments.
    private struct Node {
        var literals: [(segment: String, node: Int)] = []
        var parameter: Int?
        var endpoints: [Endpoint] = []
    }

    private struct Endpoint {
        let method: HTTPRequest.Method
        let pattern: String
        let parameterNames: [String]
        let handler: Handler
    }

    /// What was added, in that order.
    public private(set) var routes: [(method: HTTPRequest.Method, pattern: String)] = []
    private var nodes = [Node()]
    /// Where a path without parameters ends, for those that are sent as they are written.
    private var literalPaths: [(path: String, node: Int)] = []

    /// A router without routes.
    public init() {}

    /// Adds a route whose handler may suspend. A pattern that does not begin with "/", or a route that is there
    /// already, is a programmer's error.
    public mutating func on(
        _ method: HTTPRequest.Method, _ pattern: String,
        _ respond: @escaping @Sendable (Request) async throws -> Response
    ) {
        add(method, pattern, .suspending(respond))
    }

    /// Adds a route whose handler answers at once: see ``Handler/immediate(_:)``.
    public mutating func on(
        _ method: HTTPRequest.Method, _ pattern: String,
        _ respond: @escaping @Sendable (Request) throws -> Response
    ) {
        add(method, pattern, .immediate(respond))
    }

    private mutating func add(_ method: HTTPRequest.Method, _ pattern: String, _ handler: Handler) {
        precondition(pattern.hasPrefix("/"), "the pattern \(pattern) does not begin with /")
        var node = 0
        var names: [String] = []
        for segment in pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            if segment.hasPrefix("{"), segment.hasSuffix("}") {
                names.append(String(segment.dropFirst().dropLast()))
                node = parameterChild(of: node)
            } else {
                node = literalChild(of: node, String(segment))
            }
        }
        precondition(
            !nodes[node].endpoints.contains { $0.method == method }, "\(method) \(pattern) is there already")
        nodes[node].endpoints.append(
            Endpoint(method: method, pattern: pattern, parameterNames: names, handler: handler))
        routes.append((method, pattern))
        if names.isEmpty, !literalPaths.contains(where: { $0.path == pattern }) {
            literalPaths.append((pattern, node))
        }
    }

    private mutating func literalChild(of parent: Int, _ segment: String) -> Int {
        if let known = nodes[parent].literals.first(where: { $0.segment == segment }) { return known.node }
        nodes.append(Node())
        nodes[parent].literals.append((segment, nodes.count - 1))
        return nodes.count - 1
    }

    private mutating func parameterChild(of parent: Int) -> Int {
        if let known = nodes[parent].parameter { return known }
        nodes.append(Node())
        nodes[parent].parameter = nodes.count - 1
        return nodes.count - 1
    }

    /// Throws 404 for an unknown path, 405 with `Allow` for a method it does not have (RFC 9110, section 15.5.6),
    /// 400 for a path parameter with malformed escapes.
    public func handler(for request: inout Request) throws -> Handler {
        if let node = literalNode(request.path),
            let endpoint = nodes[node].endpoints.first(where: { $0.method == request.method })
        {
            request.route = endpoint.pattern
            return endpoint.handler
        }
        if request.path == "*" { return try options(request) }
        let segments = request.path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var allowed: Set<HTTPRequest.Method> = []
        if let match = find(request.method, segments[...], at: 0, values: [], &allowed) {
            request.route = match.endpoint.pattern
            for (name, value) in zip(match.endpoint.parameterNames, match.values) {
                guard let decoded = PercentEncoding.decodeStrictly(value) else {
                    throw HTTPError(.badRequest, "The path has a malformed percent-escape.")
                }
                request.parameters[name] = decoded
            }
            return match.endpoint.handler
        }
        try checkMethod(request.method)
        if allowed.isEmpty { throw HTTPError(.notFound, "There is nothing at this path.") }
        if request.method == .options { return Self.options(allowed) }
        throw HTTPError(
            .methodNotAllowed, "This path does not have the method \(request.method).",
            headers: [.allow: Self.allow(allowed)])
    }

    /// "An origin server that receives a request method that is unrecognized or not implemented SHOULD respond with the
    /// 501" (RFC 9110, section 9.1).
    private func checkMethod(_ method: HTTPRequest.Method) throws {
        let isKnown =
            HTTPRequest.Method.registered.contains(method) || routes.contains { $0.method == method }
        if !isKnown { throw HTTPError(.notImplemented, "This server does not know the method \(method).") }
    }

    /// A look at each: a service has a dozen of them, and hashing a path takes as long.
    private func literalNode(_ path: String) -> Int? {
        let length = path.utf8.count
        for literal in literalPaths where literal.path.utf8.count == length && literal.path == path {
            return literal.node
        }
        return nil
    }

    /// `OPTIONS *`: the methods of all routes (RFC 9110, section 9.3.7).
    private func options(_ request: Request) throws -> Handler {
        guard request.method == .options else {
            throw HTTPError(.badRequest, "Only OPTIONS has the target *.")
        }
        return Self.options(Set(routes.map(\.method)))
    }

    private typealias Match = (endpoint: Endpoint, values: [Substring])

    /// Depth first, literals before parameters; collects the methods of the endpoints it passes over.
    private func find(
        _ method: HTTPRequest.Method, _ segments: ArraySlice<Substring>, at index: Int, values: [Substring],
        _ allowed: inout Set<HTTPRequest.Method>
    ) -> Match? {
        let node = nodes[index]
        guard let segment = segments.first else {
            let exact = node.endpoints.first { $0.method == method }
            let other = method == .head ? node.endpoints.first { $0.method == .get } : nil
            if let endpoint = exact ?? other { return (endpoint, values) }
            allowed.formUnion(node.endpoints.map(\.method))
            return nil
        }
        let rest = segments.dropFirst()
        if let literal = node.literals.first(where: { Self.matches($0.segment, segment) }),
            let match = find(method, rest, at: literal.node, values: values, &allowed)
        {
            return match
        }
        guard let parameter = node.parameter, !segment.isEmpty else { return nil }
        return find(method, rest, at: parameter, values: values + [segment], &allowed)
    }

    /// Equal as they are, or after percent-decoding (RFC 3986, section 6.2.2.2).
    private static func matches(_ literal: String, _ segment: Substring) -> Bool {
        if literal == segment { return true }
        return segment.utf8.contains(UInt8(ascii: "%")) && PercentEncoding.decodeStrictly(segment) == literal
    }

    private static func options(_ methods: Set<HTTPRequest.Method>) -> Handler {
        .immediate { _ in Response(status: .noContent, headers: [.allow: allow(methods)]) }
    }

    private static func allow(_ methods: Set<HTTPRequest.Method>) -> String {
        var methods = methods.union([.options])
        if methods.contains(.get) { methods.insert(.head) }
        return methods.map(\.rawValue).sorted().joined(separator: ", ")
    }
}
