import CPostgres
import Foundation
import Glibc

/// The options of a libpq connection string, with its host names resolved before libpq sees them: libpq's own
/// look-up would block the event loop (documentation 34.1, `hostaddr`).
struct ConnectionString: Sendable {
    private(set) var options: [String: String]

    init(parsing text: String) throws(PostgresError) {
        var message: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(text, &message) else {
            defer { PQfreemem(message) }
            let reason = message.map { String(cString: $0) } ?? "out of memory"
            throw PostgresError(.connectFailed, "the database URL does not parse: \(reason.trimmed)")
        }
        defer { PQconninfoFree(parsed) }
        options = [:]
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
    }

    /// Sets what the client did not.
    mutating func setDefault(_ keyword: String, _ value: String) {
        if options[keyword] == nil { options[keyword] = value }
    }

    private var hosts: [String] { list("host", "PGHOST") }

    /// An option with one element a host, from the string or from libpq's variable (documentation 34.15).
    private func list(_ keyword: String, _ variable: String) -> [String] {
        let text = options[keyword] ?? ProcessInfo.processInfo.environment[variable] ?? ""
        return text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    /// One string a host, in their order. Of several hosts, the one that takes writes is meant unless the client
    /// says otherwise: the others are standbys.
    var candidates: [ConnectionString] {
        let (hosts, addresses, ports) = (
            hosts, list("hostaddr", "PGHOSTADDR"), list("port", "PGPORT")
        )
        let count = max(hosts.count, addresses.count)
        guard count > 1 else { return [self] }
        return (0..<count).map { index in
            var one = self
            one.options["host"] = index < hosts.count ? hosts[index] : ""
            one.options["hostaddr"] = index < addresses.count ? addresses[index] : ""
            one.options["port"] = ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : ""
            if ProcessInfo.processInfo.environment["PGTARGETSESSIONATTRS"] == nil {
                one.setDefault("target_session_attrs", "read-write")
            }
            return one
        }
    }

    /// Whether a look-up may block: some host is a name, and the client gave no addresses.
    var needsResolution: Bool {
        guard options["hostaddr"] == nil, ProcessInfo.processInfo.environment["PGHOSTADDR"] == nil else {
            return false
        }
        return hosts.contains { !$0.isSocketPath && !$0.isNumericAddress }
    }

    /// Looks every name up; blocks. A name with several addresses becomes several hosts, tried in their
    /// order.
    func resolved() throws(PostgresError) -> ConnectionString {
        guard needsResolution else { return self }
        let ports = list("port", "PGPORT")
        var entries: [(host: String, address: String, port: String)] = []
        var failure = ""
        for (index, host) in hosts.enumerated() {
            let port = ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : ""
            if host.isSocketPath {
                entries.append((host, "", port))
                continue
            }
            switch Self.addresses(of: host) {
            case .success(let found): entries += found.map { (host, $0, port) }
            case .failure(let error): failure = error.message
            }
        }
        if entries.isEmpty { throw PostgresError(.connectFailed, failure) }
        var copy = self
        copy.options["host"] = entries.map(\.host).joined(separator: ",")
        copy.options["hostaddr"] = entries.map(\.address).joined(separator: ",")
        copy.options["port"] = entries.map(\.port).joined(separator: ",")
        return copy
    }

    private static func addresses(of host: String) -> Result<[String], PostgresError> {
        if host.isNumericAddress { return .success([host]) }
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        // One answer an address, not one a kind of socket: SOCK_STREAM (socket(2)).
        hints.ai_socktype = 1
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            return .failure(PostgresError(.connectFailed, "\(host): \(String(cString: gai_strerror(code)))"))
        }
        defer { freeaddrinfo(list) }
        var found: [String] = []
        var next = list
        while let entry = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(
                entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            {
                let address = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
                if !found.contains(address) { found.append(address) }
            }
            next = entry.ai_next
        }
        return .success(found)
    }
}

extension String {
    /// libpq: empty is the default socket directory, `/` a directory, `@` an abstract one.
    fileprivate var isSocketPath: Bool { isEmpty || hasPrefix("/") || hasPrefix("@") }

    fileprivate var isNumericAddress: Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, self, &four) == 1 || inet_pton(AF_INET6, self, &six) == 1
    }

    var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
