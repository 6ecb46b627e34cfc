import CCurl
import Glibc

/// The host and port of an authority, as libcurl reads them: IPv4 in any of its spellings, IPv6 shortened, IDN as
/// punycode (UTS 46), percent-encoding undone.
struct CurlHost {
    /// Lower case; an IPv6 address in brackets.
    var text: String
    /// Nil where none is written.
    var port: Int?

    /// Libidn2 reads host names in the thread's locale; everything here is UTF-8. Never freed: one a process.
    private static let utf8Locale = Locale(handle: newlocale(Int32(1 << LC_CTYPE), "C.UTF-8", nil))

    // @unchecked: a locale object is never changed once made (newlocale(3)).
    private struct Locale: @unchecked Sendable {
        let handle: locale_t?
    }

    /// Nil unless `authority` (without user information) is a host and perhaps a port.
    init?(authority: some Sequence<UInt8>) {
        let bytes = Array(authority)
        guard let read = Self(reading: bytes) else { return nil }
        self = read
        // What was percent-encoded or written in other digits may turn out to be an address, in any of its spellings.
        if bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 >= 0x80 }) {
            guard let again = Self(reading: Array(text.utf8)) else { return nil }
            text = again.text
        }
        // An address may end with a dot, as names do (WHATWG URL §3.5).
        if text.hasSuffix("."), let bare = Self(reading: Array(text.utf8.dropLast())), bare.isIPv4 {
            text = bare.text
        }
    }

    /// Four numbers: libcurl has brought every spelling of an address into this one.
    private var isIPv4: Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { (48...57).contains($0) } }
    }

    private init?(reading authority: [UInt8]) {
        guard let handle = curl_url() else { return nil }
        defer { curl_url_cleanup(handle) }
        let url = "http://" + String(decoding: authority, as: UTF8.self) + "/"
        guard curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK,
            Self.part(CURLUPART_ZONEID, of: handle) == nil,
            let host = Self.withUTF8Locale({ Self.part(CURLUPART_HOST, of: handle, UInt32(CURLU_PUNYCODE)) }),
            Self.isSane(host)
        else { return nil }
        text = host.lowercased()
        guard let digits = Self.part(CURLUPART_PORT, of: handle) else { return }
        guard let number = Int(digits), (1...65535).contains(number) else { return nil }
        port = number
    }

    private static func part(_ part: CURLUPart, of handle: OpaquePointer, _ flags: UInt32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }

    /// What percent-encoding may have smuggled past libcurl's own list.
    private static func isSane(_ host: String) -> Bool {
        !host.isEmpty && host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"%|/\\?#@<>^".utf8.contains($0) }
    }

    private static func withUTF8Locale<Value>(_ body: () -> Value) -> Value {
        guard let locale = utf8Locale.handle else { return body() }
        let former = uselocale(locale)
        defer { uselocale(former) }
        return body()
    }
}
