import Synchronization

/// The name under which one request is answered and logged.
public enum RequestID {
    /// A client's own id is taken up to this length, in characters: long enough for any trace id.
    public static let maxLength = 128

    private static let seed = UInt64.random(in: .min ... .max)
    private static let counter = Atomic<UInt64>(0)
    private static let alphabet: StaticString = "0123456789abcdefghjkmnpqrstvwxyz"

    /// A new id: 13 characters of [0-9a-z], never the same twice in one process.
    public static func generate() -> String {
        var bits = seed &+ counter.add(1, ordering: .relaxed).newValue &* 0x9E37_79B9_7F4A_7C15
        // An invertible mix (SplitMix64), so that neighbours look nothing alike and none repeats.
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        bits ^= bits >> 31
        return String(unsafeUninitializedCapacity: 13) { buffer in
            for index in 0..<13 {
                buffer[index] = alphabet.utf8Start[Int(bits & 31)]
                bits >>= 5
            }
            return 13
        }
    }

    /// Whether a client's id may be repeated in an answer and a log: 1…128 characters of `[A-Za-z0-9._-]`.
    public static func isSane(_ id: String) -> Bool {
        let bytes = id.utf8
        guard !bytes.isEmpty, bytes.count <= maxLength else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}
