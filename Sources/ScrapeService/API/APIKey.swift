import Crypto
import Foundation

/// A key of the key file: its SHA-256 digest, what it may do, and whose jobs it sees.
struct APIKey: Hashable, Sendable {
    enum Scope: String, Sendable {
        /// Everything.
        case full
        /// GET and HEAD only.
        case read
    }

    /// Shorter keys can be guessed.
    static let minLength = 16

    let digest: SHA256Digest
    let scope: Scope
    /// The store's name for the owner of jobs; a read key shares that of a full one.
    let owner: String

    /// `reading` is the key whose jobs a read key sees; nil makes a full key.
    init(_ key: String, reading full: APIKey? = nil) {
        digest = SHA256.hash(data: Data(key.utf8))
        scope = full == nil ? .full : .read
        owner = full?.owner ?? Self.hex(digest.prefix(16))
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// One a line: `KEY`, or `KEY read` for a key that reads the jobs of the last full key above it. Blank lines and
    /// lines that begin with `#` are passed over.
    static func keys(in text: String) throws(KeyFileError) -> [APIKey] {
        var keys: [APIKey] = []
        var full: APIKey?
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .enumerated()
        {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard let key = words.first, !key.hasPrefix("#") else { continue }
            guard key.utf8.count >= minLength, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
                words.count == 1 || (words.count == 2 && words[1] == Scope.read.rawValue)
            else { throw KeyFileError(line: index + 1, cause: .form) }
            if words.count == 1 {
                let key = APIKey(String(key))
                full = key
                keys.append(key)
            } else if let full {
                keys.append(APIKey(String(key), reading: full))
            } else {
                throw KeyFileError(line: index + 1, cause: .nothingToRead)
            }
            let digests = keys.map(\.digest)
            if let last = digests.last, digests.dropLast().contains(last) {
                throw KeyFileError(line: index + 1, cause: .twice)
            }
        }
        return keys
    }
}

struct KeyFileError: Error, CustomStringConvertible {
    enum Cause: Sendable {
        case form, nothingToRead, twice
    }

    var line: Int
    var cause: Cause

    /// Names no key.
    var description: String {
        switch cause {
        case .form:
            "line \(line): a line is KEY or KEY read, and a key has at least \(APIKey.minLength) visible ASCII "
                + "characters and no spaces"
        case .nothingToRead: "line \(line): a read key stands below the key whose jobs it reads"
        case .twice: "line \(line): the same key stands above"
        }
    }
}
