/// The parts of a job that say how: `fetch`, `politeness`, `limits`.
extension JobReader {
    /// Fields that a client may not set: they frame the message or name the server.
    private static let reservedHeaders: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "keep-alive",
        "expect", "proxy-connection", "proxy-authorization", "http2-settings", "accept-encoding",
    ]
    private static let maxDurationSeconds = 30.0 * 24 * 3600
    private static let pageBytes = 1...(256 << 20)
    /// 64 GiB: all of it must arrive within the longest time-out of a file, a day.
    private static let fileBytes = 1...(64 << 30)

    func readFetch(_ value: JSONValue, _ findings: Findings) -> FetchPolicy {
        var policy = FetchPolicy()
        guard var fetch = ObjectReader(value, at: "/fetch", findings) else { return policy }
        policy.concurrency = fetch.int("concurrency", in: FetchPolicy.concurrencyRange) ?? policy.concurrency
        let maxSeconds = FetchPolicy.maxTimeoutSeconds
        policy.timeoutSeconds = fetch.seconds("timeout_seconds", max: maxSeconds) ?? policy.timeoutSeconds
        // A job that says how long a page may take means its files, too.
        policy.fileTimeoutSeconds =
            fetch.seconds("file_timeout_seconds", max: FetchPolicy.maxFileTimeoutSeconds)
            ?? (fetch.value("timeout_seconds") == nil ? nil : policy.timeoutSeconds)
        policy.connectTimeoutSeconds =
            fetch.seconds("connect_timeout_seconds", max: maxSeconds) ?? policy.connectTimeoutSeconds
        policy.retries = fetch.int("retries", in: 0...FetchPolicy.maxRetries) ?? policy.retries
        policy.redirects = fetch.int("redirects", in: 0...FetchPolicy.maxRedirects) ?? policy.redirects
        policy.userAgent = fetch.string("user_agent", maxLength: Self.maxHeaderLength)
        if let headers = fetch.value("headers") {
            policy.headers = Self.readHeaders(headers, at: fetch.place("headers"), findings)
        }
        policy.conditional = fetch.bool("conditional") ?? policy.conditional
        if policy.conditional { refuseConditions(policy.headers, findings) }
        fetch.finish()
        return policy
    }

    static func readHeaders(
        _ value: JSONValue, at pointer: String, _ findings: Findings
    ) -> [HeaderField] {
        guard var headers = ObjectReader(value, at: pointer, findings) else { return [] }
        let entries = headers.entries()
        if entries.count > maxHeaders {
            findings.add(pointer, "must have at most \(maxHeaders) header fields")
            return []
        }
        return entries.compactMap { entry in
            let place = headers.place(entry.name)
            guard isToken(entry.name) else {
                findings.add(place, "is no field name (RFC 9110 §5.1)")
                return nil
            }
            if entry.name.lowercased() == "user-agent" {
                findings.add(place, "is given as fetch.user_agent, which robots.txt is read for")
                return nil
            }
            if reservedHeaders.contains(entry.name.lowercased()) {
                findings.add(place, "is set by the service")
                return nil
            }
            guard
                let text = ObjectReader.text(
                    entry.value, at: place, maxLength: maxHeaderLength, findings)
            else { return nil }
            return HeaderField(name: entry.name, value: text)
        }
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ name: String) -> Bool {
        let marks = Set("!#$%&'*+-.^_`|~".utf8)
        return !name.isEmpty
            && name.utf8.allSatisfy { byte in
                marks.contains(byte) || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                    || (0x61...0x7A).contains(byte)
            }
    }

    func readPoliteness(_ value: JSONValue, _ findings: Findings) -> Politeness {
        var politeness = Politeness()
        guard var object = ObjectReader(value, at: "/politeness", findings) else { return politeness }
        politeness.robots = object.bool("robots") ?? politeness.robots
        let range = FetchPolicy.concurrencyRange
        politeness.perHostConcurrency =
            object.int("per_host_concurrency", in: range) ?? politeness.perHostConcurrency
        politeness.perHostRequestsPerSecond = object.rate(
            "per_host_requests_per_second", min: Politeness.minRequestsPerSecond,
            max: Politeness.maxRequestsPerSecond)
        object.finish()
        return politeness
    }

    func readLimits(_ value: JSONValue, _ findings: Findings) -> JobLimits {
        var limits = JobLimits()
        guard var object = ObjectReader(value, at: "/limits", findings) else { return limits }
        limits.maxPages = object.int("max_pages", in: 1...(.max))
        limits.maxItems = object.int("max_items", in: 1...(.max))
        limits.maxDurationSeconds = object.seconds("max_duration_seconds", max: Self.maxDurationSeconds)
        limits.maxDepth = object.int("max_depth", in: 0...1_000_000)
        limits.maxPageBytes = object.int("max_page_bytes", in: Self.pageBytes) ?? limits.maxPageBytes
        limits.maxFileBytes = object.int("max_file_bytes", in: Self.fileBytes) ?? limits.maxFileBytes
        object.finish()
        return limits
    }
}
