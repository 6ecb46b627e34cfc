import Foundation
import ScrapeService

/// Counts the lines of a file (one text each) and prints how fast; see README.md.
@main
struct WordBenchmark {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let tokenizer = Tokenizer(rawValue: arguments[1]) else {
            print("usage: WordBenchmark unicode|ascii FILE")
            return
        }
        let text = try String(contentsOfFile: arguments[2], encoding: .utf8)
        let lines = text.split(separator: "\n").map(String.init)
        let bytes = lines.reduce(0) { $0 + $1.utf8.count }
        let stopWords = try StopWords.words(for: "nl")
        var best = Duration.seconds(3600)
        var counter = WordCounter(tokenizer: tokenizer, stopWords: stopWords)
        for _ in 0..<5 {
            counter = WordCounter(tokenizer: tokenizer, stopWords: stopWords)
            best = min(best, ContinuousClock().measure { for line in lines { counter.add(line) } })
        }
        let top = counter.top(limit: 3).map { "\($0.word) \($0.count)" }.joined(separator: ", ")
        let rate = Double(bytes) / (best / .seconds(1)) / 1e6
        print("swift  \(tokenizer.rawValue) \(Int(rate)) MB/s total \(counter.totalWords)", terminator: " ")
        print("distinct \(counter.distinctWords) (\(top))")
    }
}
