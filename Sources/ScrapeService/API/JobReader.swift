import HTTPTypes

/// Reads `POST /v1/jobs`: the contract's JSON in, a ``JobSpec`` or every mistake with its pointer out.
struct JobReader {
    /// Characters of a job's, page kind's or field's name.
    static let maxNameLength = 200
    static let maxSelectorLength = 10_000
    static let maxHeaderLength = 8_000
    /// Header fields of one request: servers in wide use take a hundred.
    static let maxHeaders = 64
    /// Start URLs of one job, all combinations counted. They are stored before the job is accepted.
    static let maxStartPages = 1_000_000
    static let maxPageKinds = 100
    static let maxFields = 500

    let urls: any URLParsing
    let compiler: any PageCompiler

    func read(_ body: [UInt8]) throws(Problem) -> JobSpec {
        let value: JSONValue
        do {
            value = try JSONParser.parse(body)
        } catch {
            throw Problem(
                .badRequest, "invalid_json",
                "The body is not JSON: \(error.message), at line \(error.line), column \(error.column).")
        }
        let findings = Findings()
        let spec = read(value, findings)
        guard let spec, findings.places.isEmpty else {
            throw Problem(
                .unprocessableContent, "invalid_job", "The job is invalid: see errors.",
                errors: findings.places)
        }
        return spec
    }

    private func read(_ value: JSONValue, _ findings: Findings) -> JobSpec? {
        guard var job = ObjectReader(value, at: "", findings) else { return nil }
        let name = job.string("name", maxLength: Self.maxNameLength)
        let pages = job.required("pages").map { readPages($0, at: "/pages", findings) } ?? []
        let sitemaps = SitemapKinds(besides: pages)
        let start =
            job.required("start").map {
                StartReader(
                    urls: urls, kinds: pages.map(\.name), sitemaps: sitemaps, findings: findings
                ).read($0)
            } ?? []
        var spec = JobSpec(name: name, start: start, pages: pages + sitemaps.kinds)
        if let fetch = job.value("fetch") { spec.fetch = readFetch(fetch, findings) }
        if let politeness = job.value("politeness") { spec.politeness = readPoliteness(politeness, findings) }
        if let limits = job.value("limits") { spec.limits = readLimits(limits, findings) }
        spec.onFailure =
            job.choice("on_failure", ["continue", "stop"]).flatMap(FailurePolicy.init) ?? .continue
        spec.webhook = job.value("webhook").flatMap { readWebhook($0, findings) }
        job.finish()
        checkKinds(pages, findings)
        return spec
    }

    // MARK: Pages

    private func readPages(_ value: JSONValue, at pointer: String, _ findings: Findings) -> [PageKind] {
        guard var pages = ObjectReader(value, at: pointer, findings) else { return [] }
        let entries = pages.entries()
        if entries.isEmpty { findings.add(pointer, "must name at least one page kind") }
        if entries.count > Self.maxPageKinds {
            findings.add(pointer, "must name at most \(Self.maxPageKinds) page kinds")
        }
        return entries.prefix(Self.maxPageKinds).compactMap { entry in
            let place = pages.place(entry.name)
            guard checkName(entry.name, at: place, findings) else { return nil }
            return readKind(entry.name, entry.value, at: place, findings)
        }
    }

    private func readKind(_ name: String, _ value: JSONValue, at pointer: String, _ findings: Findings)
        -> PageKind?
    {
        guard var object = ObjectReader(value, at: pointer, findings) else { return nil }
        var kind = PageKind(name: name)
        if let follow = object.value("follow") {
            kind.follow = readFollow(follow, at: object.place("follow"), findings)
        }
        if let each = object.value("each") {
            kind.each = selectors(findings).readSelector(each, at: object.place("each"))
        }
        if let fields = object.value("fields") {
            kind.fields = readFields(fields, at: object.place("fields"), findings)
        }
        kind.save = object.bool("save") ?? false
        let does = object.value("follow") != nil || object.value("fields") != nil || kind.save
        if !does { findings.add(pointer, "must have follow, fields or save: it yields nothing") }
        if kind.each != nil, object.value("fields") == nil {
            findings.add(object.place("each"), "needs fields: what to take of each match")
        }
        object.finish()
        checkLanguages(of: kind, at: pointer, findings)
        return kind
    }

    private func readFollow(_ value: JSONValue, at pointer: String, _ findings: Findings) -> [FollowRule] {
        guard case .array(let rules) = value else {
            findings.add(pointer, "must be an array, not \(value.kind)")
            return []
        }
        return rules.enumerated().compactMap { index, rule in
            guard var object = ObjectReader(rule, at: "\(pointer)/\(index)", findings) else { return nil }
            let links = object.required("links").flatMap {
                selectors(findings).readSelector($0, at: object.place("links"))
            }
            if object.required("as") == nil { return nil }
            let kind = object.string("as", maxLength: Self.maxNameLength)
            let sameHost = object.bool("same_host") ?? false
            let allow = object.pattern("allow")
            let deny = object.pattern("deny")
            let requests = RequestReader.links(findings)
            let request = requests.read(&object)
            let url = requests.readURL(&object, request, urls)
            object.finish()
            guard let links, let kind else { return nil }
            return FollowRule(
                links: links, kind: kind, sameHost: sameHost, allow: allow, deny: deny, url: url,
                request: request)
        }
    }

    private func readFields(_ value: JSONValue, at pointer: String, _ findings: Findings) -> [Field] {
        guard var object = ObjectReader(value, at: pointer, findings) else { return [] }
        let entries = object.entries()
        if entries.isEmpty { findings.add(pointer, "must name at least one field") }
        if entries.count > Self.maxFields {
            findings.add(pointer, "must name at most \(Self.maxFields) fields")
        }
        return entries.prefix(Self.maxFields).compactMap { entry in
            let place = object.place(entry.name)
            guard checkName(entry.name, at: place, findings) else { return nil }
            return selectors(findings).readField(entry.name, entry.value, at: place)
        }
    }

    private func selectors(_ findings: Findings) -> SelectorReader {
        SelectorReader(compiler: compiler, findings: findings)
    }

    private func checkName(_ name: String, at pointer: String, _ findings: Findings) -> Bool {
        if name.isEmpty {
            findings.add(pointer, "a name must not be empty")
            return false
        }
        return ObjectReader.text(.string(name), at: pointer, maxLength: Self.maxNameLength, findings) != nil
    }

    /// `pages`: those the job defines; it knows no name of a sitemap's kind.
    private func checkKinds(_ pages: [PageKind], _ findings: Findings) {
        let names = Set(pages.map(\.name))
        for kind in pages {
            for (index, rule) in kind.follow.enumerated() where !names.contains(rule.kind) {
                let place = "/pages/\(JSONPointer.escape(kind.name))/follow/\(index)/as"
                findings.add(place, "pages has no kind named \(rule.kind)")
            }
        }
    }
}
