/// Who is told of a job: `webhook`.
extension JobReader {
    /// Characters. A secret is a key, not a document.
    static let maxSecretLength = 256

    func readWebhook(_ value: JSONValue, _ findings: Findings) -> Webhook? {
        guard var object = ObjectReader(value, at: "/webhook", findings) else { return nil }
        let url = readReceiver(&object)
        let events = object.value("events").map { readEvents($0, at: object.place("events"), findings) }
        let secret = object.string("secret", maxLength: Self.maxSecretLength)
        if secret?.isEmpty == true { findings.add(object.place("secret"), "must not be empty") }
        object.finish()
        guard let url else { return nil }
        return Webhook(
            url: url, events: events ?? WebhookEvent.terminal, secret: secret.map(WebhookSecret.init))
    }

    private func readReceiver(_ object: inout ObjectReader) -> WebURL? {
        guard object.required("url") != nil,
            let text = object.string("url", maxLength: StartReader.maxURLLength)
        else { return nil }
        let url = urls.parse(text)
        if url == nil { object.findings.add(object.place("url"), "is no http or https URL") }
        return url
    }

    private func readEvents(_ value: JSONValue, at pointer: String, _ findings: Findings) -> [WebhookEvent] {
        guard case .array(let elements) = value, !elements.isEmpty else {
            findings.add(pointer, "must be an array of at least one event")
            return []
        }
        var events: [WebhookEvent] = []
        for (index, element) in elements.enumerated() {
            guard let event = element.string.flatMap(WebhookEvent.init) else {
                let known = WebhookEvent.allCases.map(\.rawValue).joined(separator: ", ")
                findings.add("\(pointer)/\(index)", "must be one of \(known)")
                continue
            }
            if events.contains(event) {
                findings.add("\(pointer)/\(index)", "stands twice")
            } else {
                events.append(event)
            }
        }
        return events
    }
}
