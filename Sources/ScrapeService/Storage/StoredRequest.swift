import Foundation

extension PageRequest {
    /// As the column `request` has it; the same request gives the same text.
    var stored: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // try! because strings and arrays of strings always encode.
        let data = try! encoder.encode(self)
        return String(decoding: data, as: UTF8.self)
    }

    init(stored json: String) throws(PostgresError) {
        do {
            self = try JSONDecoder().decode(PageRequest.self, from: Data(json.utf8))
        } catch {
            throw PostgresError(.statement, "a stored request does not decode")
        }
    }
}
