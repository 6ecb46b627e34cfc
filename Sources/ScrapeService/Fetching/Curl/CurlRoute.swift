import CCurl
import Glibc

/// A host and port, and the addresses that its name was found to have and that may be dialled.
///
/// libcurl takes them from a name cache that this route alone fills and its transfers alone read (a share of libcurl's):
/// no stale entry, none of another transfer's, and nothing to look up.
///
// @unchecked: touched on the loop's thread only, like the transfers that take it.
final class CurlRoute: @unchecked Sendable {
    /// Whether the very address libcurl is about to dial may be dialled.
    typealias AddressCheck = @Sendable (UnsafePointer<sockaddr>, socklen_t) -> Bool

    let share: UnsafeMutableRawPointer
    /// The host is an address itself, which libcurl reads without asking anybody.
    let isLiteral: Bool
    /// Set by the first transfer that libcurl has begun: the addresses are in the cache from then on.
    var isFilled = false
    private let mayDial: AddressCheck
    private let hostPairs: UnsafeMutablePointer<curl_slist>?

    /// `addresses` in the order in which they are to be tried; none where `host` is an address itself.
    /// Nil only when libcurl has no memory.
    init?(host: String, port: Int, addresses: [String], mayDial: @escaping AddressCheck) {
        guard let share = curl_share_init() else { return nil }
        guard scrape_share_names(share) == CURLSHE_OK else {
            curl_share_cleanup(share)
            return nil
        }
        self.share = share
        self.mayDial = mayDial
        isLiteral = addresses.isEmpty
        // The plus keeps a host that begins with "-" from being read as one to forget.
        let pair = "+\(host):\(port):\(addresses.joined(separator: ","))"
        hostPairs = addresses.isEmpty ? nil : curl_slist_append(nil, pair)
    }

    deinit {
        let code = curl_share_cleanup(share)
        assert(code == CURLSHE_OK, "a route outlives the transfers that took it")
        curl_slist_free_all(hostPairs)
    }

    /// What a transfer must bring into the cache; nil where it is there already.
    var missingHostPairs: UnsafeMutablePointer<curl_slist>? { isFilled ? nil : hostPairs }

    func allows(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Bool { mayDial(address, length) }
}
