import Crypto
import Foundation
import HTTPCore
import HTTPTypes

/// Bearer keys (RFC 6750 §2.1): only their SHA-256 digests are kept.
struct Authenticator: Sendable {
    /// Shorter keys can be guessed.
    static let minKeyLength = 16

    /// Empty: nobody needs a key.
    private let digests: [SHA256Digest]

    init(keys: [String] = []) { digests = keys.map { SHA256.hash(data: Data($0.utf8)) } }

    var isOpen: Bool { digests.isEmpty }

    /// One key a line; blank lines and lines that begin with `#` are passed over.
    static func keys(in text: String) throws(KeyFileError) -> [String] {
        var keys: [String] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let key = line.trimmingCharacters(in: .whitespaces)
            if key.isEmpty || key.hasPrefix("#") { continue }
            guard key.utf8.count >= minKeyLength, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw KeyFileError(line: index + 1)
            }
            keys.append(key)
        }
        return keys
    }

    /// Who asks: the store's name for the key's owner. Nil where no key is needed: that client sees every job.
    func owner(of request: Request) throws(Problem) -> String? {
        if isOpen { return nil }
        guard let header = request.headers[.authorization] else {
            throw Self.unauthorized("unauthorized", "This service needs a key: Authorization: Bearer KEY.")
        }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Self.unauthorized("unauthorized", "The Authorization field must be: Bearer KEY.")
        }
        let digest = SHA256.hash(data: Data(parts[1].trimmingCharacters(in: .whitespaces).utf8))
        // Every digest is compared, each in constant time: the answer's time tells nothing of the keys.
        var known = false
        for candidate in digests where candidate == digest { known = true }
        guard known else { throw Self.unauthorized("invalid_key", "This key is not known.") }
        return digest.prefix(16).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    private static func unauthorized(_ code: String, _ detail: String) -> Problem {
        Problem(.unauthorized, code, detail, headers: [.wwwAuthenticate: "Bearer"])
    }
}

struct KeyFileError: Error, CustomStringConvertible {
    var line: Int
    var description: String {
        "line \(line): a key has at least \(Authenticator.minKeyLength) visible ASCII characters and no spaces"
    }
}
