import Testing

@testable import ScrapeService

extension FetchSchedulerStateTests {
    /// Random events: nobody is forgotten, no limit is passed, and at the end nothing is left.
    @Test(arguments: [UInt64](1...20))
    func whateverHappensEverybodyIsServed(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        let bench = Bench()
        let seats = (1...4).map { number in
            Self.seat(
                number, permits: .random(in: 1...6, using: &random),
                limit: .random(in: 1...4, using: &random),
                interval: number == 4 ? .milliseconds(5) : .zero)
        }
        var waiting: Set<String> = []
        var fetching: [String: (job: Int, host: Int)] = [:]
        var reading: [String: Int] = [:]
        var placeOf: [String: (job: Int, host: Int)] = [:]
        func admit(_ names: [String]) {
            for name in names {
                #expect(waiting.remove(name) != nil)
                fetching[name] = placeOf[name]
            }
        }
        for step in 0..<3_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4 where step < 2_000:
                let job = Int.random(in: 0..<4, using: &random)
                let host = Int.random(in: 0..<5, using: &random)
                placeOf["\(step)"] = (job, host)
                waiting.insert("\(step)")
                if bench.enter("\(step)", seats[job], "http://\(host)") { admit(["\(step)"]) }
            case 4..<7:
                guard let (name, place) = fetching.randomElement(using: &random) else { continue }
                fetching[name] = nil
                reading[name] = place.job
                bench.fetched(name)
            case 7..<9:
                guard let name = reading.keys.randomElement(using: &random) else { continue }
                reading[name] = nil
                bench.leave(name)
            default:
                if let name = waiting.randomElement(using: &random), step % 3 == 0, step < 2_000 {
                    #expect(bench.cancel(name))
                    waiting.remove(name)
                } else {
                    admit(bench.pass(.milliseconds(.random(in: 0...20, using: &random))))
                }
            }
            admit(bench.granted())
            for (job, seat) in seats.enumerated() {
                let held =
                    fetching.values.filter { $0.job == job }.count
                    + reading.values.filter { $0 == job }.count
                #expect(held <= seat.permits)
                for host in 0..<5 {
                    let here = fetching.values.filter { $0.job == job && $0.host == host }.count
                    #expect(here <= seat.pace.limit)
                }
            }
        }
        while !(fetching.isEmpty && reading.isEmpty && waiting.isEmpty) {
            let before = waiting.count
            for name in fetching.keys { bench.fetched(name) }
            for name in [String](fetching.keys) + reading.keys { bench.leave(name) }
            fetching = [:]
            reading = [:]
            admit(bench.granted())
            for _ in 0..<100 { admit(bench.pass(.milliseconds(10))) }
            guard waiting.count < before || waiting.isEmpty else { break }
        }
        #expect(waiting.isEmpty)
        _ = bench.pass(.seconds(10))
        #expect(bench.state.isEmpty)
    }
}

/// A generator whose numbers are those of its seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
