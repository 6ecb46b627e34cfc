import Crypto
import Foundation

/// Proves to a receiver that a delivery is this service's: HMAC-SHA256 (RFC 2104) over the time and the body.
enum WebhookSignature {
    /// The field's value, `t=<Unix seconds>,v1=<hex>`: the code is over the digits of `t`, a full stop and the body,
    /// so that neither can be exchanged.
    static func field(_ body: [UInt8], secret: WebhookSecret, at date: Date) -> String {
        let time = String(Int64(date.timeIntervalSince1970))
        var code = HMAC<SHA256>(key: SymmetricKey(data: Data(secret.text.utf8)))
        code.update(data: Data(time.utf8))
        code.update(data: [UInt8(ascii: ".")])
        code.update(data: body)
        let hex = code.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
        return "t=\(time),v1=\(hex.joined())"
    }
}
