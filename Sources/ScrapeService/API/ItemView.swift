/// One item in the forms `results` gives it.
struct ItemView {
    /// Nil: every field.
    let fields: [String]?

    func write(_ item: Item, to writer: inout JSONWriter) {
        writer.object { entry in
            entry.key("seq")
            entry.int(item.seq)
            entry.key("url")
            entry.string(item.url)
            entry.key("page")
            entry.string(item.kind)
            entry.key("scraped_at")
            entry.date(item.scrapedAt)
            entry.key("data")
            guard let fields else { return entry.raw(item.data.json) }
            let data = Self.parse(item.data)
            entry.object { object in
                for field in fields {
                    guard let value = data[field] else { continue }
                    object.key(field)
                    object.value(value)
                }
            }
        }
    }

    func header(_ columns: [String]) -> [String] { ["seq", "url", "page", "scraped_at"] + columns }

    /// What is absent or null is an empty cell, a string stands as it is, anything else as JSON.
    func row(_ item: Item, _ columns: [String]) -> [String] {
        let data = Self.parse(item.data)
        return ["\(item.seq)", item.url, item.kind, Timestamp.text(item.scrapedAt)]
            + columns.map { column in
                switch data[column] {
                case nil, .null?: ""
                case .string(let text)?: text
                case let value?: String(decoding: value.bytes, as: UTF8.self)
                }
            }
    }

    /// Stored data is JSON by construction.
    static func parse(_ data: ItemData) -> JSONValue {
        (try? JSONDocument(Array(data.json.utf8), rules: .stored).value(of: 0)) ?? .object([])
    }
}
