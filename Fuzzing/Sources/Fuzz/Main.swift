import CLibFuzzer
import Glibc

/// `Fuzz request|chunked [libFuzzer's arguments]` searches for bytes of which a property does not hold;
/// `Fuzz outcomes` says what comes of each input on stdin, see `Outcomes`.
@main
enum Fuzz {
    /// libFuzzer starts this program again for a merge, without the target's name.
    private static let targetVariable = "FUZZ_TARGET"

    static func main() {
        var arguments = CommandLine.arguments
        if let name = arguments.dropFirst().first, ["request", "chunked", "outcomes"].contains(name) {
            setenv(targetVariable, name, 1)
            arguments.remove(at: 1)
        }
        switch getenv(targetVariable).map({ String(cString: $0) }) {
        case "request": search(arguments) { Fuzz.check($0, $1, .request) }
        case "chunked": search(arguments) { Fuzz.check($0, $1, .chunkedBody) }
        case "outcomes": Outcomes.answerAll()
        default:
            print("usage: Fuzz request|chunked [libFuzzer's arguments], or Fuzz outcomes <INPUTS")
            exit(64)
        }
    }

    /// Runs libFuzzer, which ends the process.
    private static func search(
        _ arguments: [String], _ target: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    ) {
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var count = Int32(arguments.count)
        pointers.withUnsafeMutableBufferPointer { buffer in
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
