import Crypto
import Foundation
import HTTPCore
import HTTPTypes

/// Bearer keys (RFC 6750 §2.1): only their digests are kept.
struct Authenticator: Sendable {
    /// Empty: nobody needs a key.
    private let keys: [APIKey]

    init(keys: [APIKey] = []) { self.keys = keys }

    var isOpen: Bool { keys.isEmpty }

    /// Who asks: the store's name for the key's owner. Nil where no key is needed: that client sees every job.
    /// A key that may only read is refused whatever is no reading (RFC 6750 §3.1: insufficient scope).
    func owner(of request: Request) throws(Problem) -> String? {
        if isOpen {
            try refuseOtherNames(request)
            try refuseOtherSites(request)
            return nil
        }
        guard let header = request.headers[.authorization] else {
            throw Self.unauthorized("unauthorized", "This service needs a key: Authorization: Bearer KEY.")
        }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Self.unauthorized("unauthorized", "The Authorization field must be: Bearer KEY.")
        }
        guard let key = known(parts[1].trimmingCharacters(in: .whitespaces)) else {
            throw Self.unauthorized("invalid_key", "This key is not known.")
        }
        if key.scope == .read, request.method != .get, request.method != .head {
            throw Problem(
                .forbidden, "forbidden_scope", "This key may read only: GET and HEAD.",
                headers: [.wwwAuthenticate: "Bearer error=\"insufficient_scope\""])
        }
        return key.owner
    }

    /// Without keys, whoever reaches the service may use it; a web page that its user's browser shows may not.
    private func refuseOtherSites(_ request: Request) throws(Problem) {
        guard request.method != .get, request.method != .head, let name = Self.fetchSite,
            let site = request.headers[name], site != "same-origin", site != "none"
        else { return }
        throw Problem(
            .forbidden, "cross_site_request", "Another site's page asks for this; it would need a key.")
    }

    /// Without keys the service listens on loopback only. A browser that asks it by another name shows a page whose
    /// owner made that name lead here (DNS rebinding), and takes the two for one site. Every browser sends
    /// `Accept-Encoding`, and no page can make it leave that out; what does not send it may use any name.
    private func refuseOtherNames(_ request: Request) throws(Problem) {
        guard request.headers[.acceptEncoding] != nil, let host = request.headers[Self.host],
            !LoopbackName.isOne(host)
        else { return }
        throw Problem(
            .misdirectedRequest, "other_host",
            "Without keys this service answers to localhost and loopback addresses only; for others it needs a key."
        )
    }

    private static let host = HTTPField.Name("Host")!

    /// Fetch Metadata Request Headers: browsers set it, pages cannot.
    private static let fetchSite = HTTPField.Name("Sec-Fetch-Site")

    /// Every digest is compared, each in constant time: the answer's time tells nothing of the keys.
    private func known(_ text: String) -> APIKey? {
        let digest = SHA256.hash(data: Data(text.utf8))
        var found: APIKey?
        for key in keys where key.digest == digest { found = key }
        return found
    }

    private static func unauthorized(_ code: String, _ detail: String) -> Problem {
        Problem(.unauthorized, code, detail, headers: [.wwwAuthenticate: "Bearer"])
    }
}
