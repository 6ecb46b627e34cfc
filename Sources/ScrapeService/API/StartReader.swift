/// Reads a job's `start`: a URL, a list of URLs, or a list of `{url, variables, as, method, headers, body}` and
/// `{sitemap, variables, as, allow, deny}`.
struct StartReader {
    static let maxURLLength = 8_000
    /// Header fields and bodies of all start pages together: they are stored before the job is accepted.
    private static let maxRequestBytes = 256 << 20
    /// Places of variables in one URL: more are a mistake, and each costs for every URL that is made.
    private static let maxPlaceholders = 32
    /// The contract's names of variables: letters, digits and underscores.
    private static let nameBytes = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_".utf8)

    let urls: any URLParsing
    /// The page kinds the job defines.
    let kinds: [String]
    let sitemaps: SitemapKinds
    let findings: Findings

    func read(_ value: JSONValue) -> [StartEntry] {
        let entries: [StartEntry]
        switch value {
        case .array(let elements):
            if elements.isEmpty { findings.add("/start", "must have at least one URL") }
            entries = elements.enumerated().compactMap { readEntry($1, at: "/start/\($0)") }
        default:
            entries = [readEntry(value, at: "/start")].compactMap(\.self)
        }
        checkRequests(entries)
        let count = StartPages(entries: entries, urls: urls).count
        if count > JobReader.maxStartPages {
            let said = count == .max ? "more URLs than can be counted" : "\(count) URLs"
            findings.add("/start", "gives \(said); at most \(JobReader.maxStartPages) are allowed")
        }
        return entries
    }

    private func readEntry(_ value: JSONValue, at pointer: String) -> StartEntry? {
        if case .string = value {
            return entry(value, at: pointer, variables: [:], kind: onlyKind(at: pointer))
        }
        guard case .object = value, var object = ObjectReader(value, at: pointer, findings) else {
            findings.add(pointer, "must be a URL or an object, not \(value.kind)")
            return nil
        }
        let isSitemap = object.value("sitemap") != nil
        if isSitemap, object.value("url") != nil {
            findings.add(pointer, "must have only one of url and sitemap")
        }
        let name = isSitemap ? "sitemap" : "url"
        let url = object.required(name)
        let variables =
            object.value("variables").map { readVariables($0, at: object.place("variables")) } ?? [:]
        var kind = readKind(&object)
        var request: RequestTemplate?
        if isSitemap {
            kind = readSitemap(&object, of: kind)
        } else {
            let longest = variables.mapValues { $0?.maxBytes ?? 0 }
            request = RequestReader(longest: longest, findings: findings).read(&object)
        }
        object.finish()
        guard let url else { return nil }
        return entry(url, at: object.place(name), variables: variables, kind: kind, request: request)
    }

    private func readKind(_ object: inout ObjectReader) -> String? {
        guard object.value("as") != nil else { return onlyKind(at: object.place("as")) }
        guard let kind = object.string("as", maxLength: JobReader.maxNameLength) else { return nil }
        if !kinds.contains(kind) { findings.add(object.place("as"), "pages has no kind named \(kind)") }
        return kind
    }

    private func onlyKind(at pointer: String) -> String? {
        if kinds.count > 1 {
            findings.add(pointer, "must say `as` which page kind it is: pages has \(kinds.count)")
        }
        return kinds.first
    }

    // MARK: URL templates

    private func entry(
        _ value: JSONValue, at pointer: String, variables: [String: URLTemplate.Values?], kind: String?,
        request: RequestTemplate? = nil
    ) -> StartEntry? {
        guard let text = ObjectReader.text(value, at: pointer, maxLength: Self.maxURLLength, findings),
            let template = template(text, at: pointer, variables: variables, request: request), let kind
        else { return nil }
        if template.maxBytes > Self.maxURLLength, !template.variables.isEmpty {
            findings.add(
                pointer, "must have at most \(Self.maxURLLength) bytes with its longest values filled in")
            return nil
        }
        check(template, at: pointer)
        var entry = StartEntry(template: template, kind: kind, request: request)
        let inURL = Set(template.variables.map(\.name))
        entry.requestVariables = (request?.names.subtracting(inURL) ?? []).sorted().compactMap { name in
            variables[name]?.map { URLTemplate.Variable(name: name, values: $0) }
        }
        return entry
    }

    private func template(
        _ text: String, at pointer: String, variables: [String: URLTemplate.Values?],
        request: RequestTemplate?
    ) -> URLTemplate? {
        var template = URLTemplate(literals: [], variables: [])
        var rest = text[...]
        var isWhole = true
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}") else {
                findings.add(pointer, "has an opening brace that does not close")
                return nil
            }
            let name = String(rest[rest.index(after: open)..<close])
            template.literals.append(String(rest[..<open]))
            rest = rest[rest.index(after: close)...]
            if let values = variables[name] {
                // A variable whose values are wrong has its own finding.
                if let values {
                    template.variables.append(.init(name: name, values: values))
                } else {
                    isWhole = false
                }
            } else {
                findings.add(pointer, "names the variable \(name), which variables does not define")
                isWhole = false
            }
        }
        template.literals.append(String(rest))
        if template.variables.count > Self.maxPlaceholders {
            findings.add(pointer, "names more than \(Self.maxPlaceholders) variables")
            return nil
        }
        let inRequest = request?.names ?? []
        for name in variables.keys.sorted() where !text.contains("{\(name)}") && !inRequest.contains(name) {
            findings.add(pointer, "does not name the variable \(name), which variables defines")
        }
        return isWhole ? template : nil
    }

    /// They are stored with every start page.
    private func checkRequests(_ entries: [StartEntry]) {
        let bytes = entries.reduce(0.0) { sum, entry in
            guard let request = entry.request else { return sum }
            let variables = entry.template.distinct + entry.requestVariables
            let longest = Dictionary(variables.map { ($0.name, $0.values.maxBytes) }) { first, _ in first }
            return sum + Double(request.maxBytes(longest)) * Double(entry.count)
        }
        if bytes > Double(Self.maxRequestBytes) {
            findings.add(
                "/start",
                "its headers and bodies have more than \(Self.maxRequestBytes >> 20) MiB together, each with its longest values filled in"
            )
        }
    }

    /// Of a range its ends are tried, of a list every value: each with the first values of the others.
    private func check(_ template: URLTemplate, at pointer: String) {
        guard template.count <= JobReader.maxStartPages else { return }
        let first = Dictionary(template.distinct.map { ($0.name, $0.values[0]) }) { first, _ in first }
        guard checkURL(template.url(with: first), at: pointer) else { return }
        for variable in template.distinct {
            var values = first
            for index in Self.tried(variable.values) {
                values[variable.name] = variable.values[index]
                guard checkURL(template.url(with: values), at: pointer) else { return }
            }
        }
    }

    private static func tried(_ values: URLTemplate.Values) -> [Int] {
        if case .list = values { return Array(1..<max(1, values.count)) }
        return [values.count - 1]
    }

    private func checkURL(_ url: String, at pointer: String) -> Bool {
        if urls.parse(url) != nil { return true }
        findings.add(pointer, "is no http or https URL: \(url.prefix(200))")
        return false
    }

    // MARK: Variables

    /// A name whose values are wrong maps to nil: it is known, and its mistake is told once.
    private func readVariables(_ value: JSONValue, at pointer: String) -> [String: URLTemplate.Values?] {
        guard var object = ObjectReader(value, at: pointer, findings) else { return [:] }
        var variables: [String: URLTemplate.Values?] = [:]
        for entry in object.entries() {
            let place = object.place(entry.name)
            guard !entry.name.isEmpty, entry.name.utf8.allSatisfy(Self.nameBytes.contains) else {
                findings.add(place, "a variable's name has letters, digits and underscores only")
                continue
            }
            variables.updateValue(readValues(entry.value, at: place), forKey: entry.name)
        }
        return variables
    }

    private func readValues(_ value: JSONValue, at pointer: String) -> URLTemplate.Values? {
        guard var object = ObjectReader(value, at: pointer, findings) else { return nil }
        let list = object.value("values")
        let from = object.value("from")
        let to = object.value("to")
        let step = object.int("step", in: 1...(.max))
        object.finish()
        if let list {
            if from != nil || to != nil || step != nil {
                findings.add(pointer, "has values, so it takes no from, to or step")
            }
            return readList(list, at: object.place("values"))
        }
        guard let from, let to else {
            findings.add(pointer, "must have from and to, or values")
            return nil
        }
        if let first = from.int, let last = to.int {
            guard first <= last else {
                findings.add(pointer, "is empty: from is greater than to")
                return nil
            }
            return .integers(from: first, to: last, step: step ?? 1)
        }
        guard let first = letter(from), let last = letter(to), first <= last, step == nil,
            (first & 0x20) == (last & 0x20)
        else {
            findings.add(
                pointer,
                "must run from a whole number to one no smaller, or from a letter to a later one of the same case"
            )
            return nil
        }
        return .letters(from: first, to: last)
    }

    private func letter(_ value: JSONValue) -> UInt8? {
        guard let text = value.string, text.utf8.count == 1, let byte = text.utf8.first else { return nil }
        return (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) ? byte : nil
    }

    private func readList(_ value: JSONValue, at pointer: String) -> URLTemplate.Values? {
        guard case .array(let elements) = value, !elements.isEmpty else {
            findings.add(pointer, "must be an array of at least one string or number")
            return nil
        }
        var values: [String] = []
        for (index, element) in elements.enumerated() {
            if case .number(let text) = element {
                values.append(text)
            } else if let text = ObjectReader.text(
                element, at: "\(pointer)/\(index)", maxLength: Self.maxURLLength, findings)
            {
                values.append(text)
            }
        }
        return values.count == elements.count ? .list(values) : nil
    }
}
