import CLibFuzzer
import Glibc

/// `Fuzz request|chunked [libFuzzer's arguments]` searches for bytes of which a property does not hold;
/// `Fuzz outcomes` says what comes of each input on stdin, see `Outcomes`.
@main
enum Fuzz {
    static func main() {
        switch CommandLine.arguments.dropFirst().first {
        case "request": search { Fuzz.check($0, $1, .request) }
        case "chunked": search { Fuzz.check($0, $1, .chunkedBody) }
        case "outcomes": Outcomes.answerAll()
        default:
            print("usage: Fuzz request|chunked [libFuzzer's arguments], or Fuzz outcomes <INPUTS")
            exit(64)
        }
    }

    /// Runs libFuzzer, which ends the process. It sees the arguments without the target's name.
    private static func search(_ target: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32) {
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
        arguments.remove(at: 1)
        var count = Int32(arguments.count - 1)
        arguments.withUnsafeMutableBufferPointer { buffer in
            var base = buffer.baseAddress
            exit(LLVMFuzzerRunDriver(&count, &base, target))
        }
    }

    private static func check(_ start: UnsafePointer<UInt8>?, _ count: Int, _ kind: WireRun.Start) -> Int32 {
        let bytes = Array(UnsafeBufferPointer(start: start, count: count))
        if let violation = WireProperties.violation(bytes, kind) { fatalError(violation) }
        return 0
    }
}
