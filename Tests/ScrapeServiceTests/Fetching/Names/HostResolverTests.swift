import Foundation
import HTTPCore
import Synchronization
import Testing

@testable import ScrapeService

/// The system's resolver as a test wants it: it says what it was asked, and may be held.
private final class NameBook: Sendable {
    private struct State {
        var answers: [String: [NameLookup]] = [:]
        var asked: [String] = []
        var running = 0
        var mostAtOnce = 0
    }

    private let state = Mutex(State())
    private let gate = DispatchSemaphore(value: 0)
    private let isHeld: Bool

    /// `answers`: by name, one after the other; the last one stays.
    init(_ answers: [String: [[String]]] = [:], held: Bool = false) {
        isHeld = held
        state.withLock {
            $0.answers = answers.mapValues { $0.map { .addresses($0.compactMap(IPAddress.init)) } }
        }
    }

    var asked: [String] { state.withLock { $0.asked } }
    var mostAtOnce: Int { state.withLock { $0.mostAtOnce } }

    func release(_ count: Int) { for _ in 0..<count { gate.signal() } }

    func settings(_ change: (inout NameSettings) -> Void = { _ in }) -> NameSettings {
        var settings = NameSettings()
        settings.lookUp = { [self] in look(up: $0) }
        change(&settings)
        return settings
    }

    private func look(up name: String) -> NameLookup {
        state.withLock {
            $0.asked.append(name)
            $0.running += 1
            $0.mostAtOnce = max($0.mostAtOnce, $0.running)
        }
        if isHeld { gate.wait() }
        return state.withLock { state in
            state.running -= 1
            guard let answers = state.answers[name], let first = answers.first else { return .failed }
            if answers.count > 1 { state.answers[name]?.removeFirst() }
            return first
        }
    }
}

@Suite struct HostResolverTests {
    private static let answer: HostileServer.Answer = { connection, request in
        writeAnswer(connection, "200 OK", [], request.field("Host") ?? "")
    }

    private func waitUntil(_ loop: EventLoop, _ condition: () -> Bool) async throws {
        for _ in 0..<1000 where !condition() { try await loop.sleep(for: .milliseconds(10)) }
        #expect(condition())
    }

    @Test func aNameIsAskedForOnceHoweverManyWait() async throws {
        let names = NameBook(["site.test": [["127.0.0.1"]]], held: true)
        try await withHostileServer(Self.answer) { server in
            try await withFetcher(names: names.settings()) { fetcher, loop in
                try await withThrowingTaskGroup(of: String.self) { group in
                    for number in 0..<50 {
                        let url = "http://site.test:\(server.port)/\(number)"
                        group.addTask { try await fetcher.fetch(makeFetch(url)).text }
                    }
                    try await waitUntil(loop) { !names.asked.isEmpty }
                    try await loop.sleep(for: .milliseconds(50))
                    names.release(100)
                    for try await text in group { #expect(text == "site.test:\(server.port)") }
                }
                #expect(names.asked == ["site.test"])
                _ = try await fetcher.fetch(makeFetch("http://site.test:\(server.port)/again"))
                #expect(names.asked == ["site.test"])
            }
        }
    }

    @Test func theLoopGoesOnWhileNamesAreLookedUp() async throws {
        let names = NameBook(held: true)
        try await withHostileServer(Self.answer) { server in
            try await withFetcher(names: names.settings { $0.maxThreads = 2 }) { fetcher, loop in
                let waiting = (0..<10).map { number in
                    Task { try await fetcher.failure(makeFetch("http://dead\(number).test/")) }
                }
                try await waitUntil(loop) { names.asked.count == 2 }
                let answer = try await fetcher.fetch(makeFetch(server.base + "/"))
                #expect(answer.status == 200)
                names.release(10)
                for task in waiting {
                    let code = try await task.value.code
                    #expect(code == .dnsFailed)
                }
                #expect(names.asked.count == 10)
                #expect(names.mostAtOnce == 2)
            }
        }
    }

    @Test func aCancelledTaskStopsWaitingAtOnceAndItsNameIsNotAskedFor() async throws {
        let names = NameBook(held: true)
        try await withFetcher(names: names.settings { $0.maxThreads = 1 }) { fetcher, loop in
            let tasks = ["running", "queued"].map { name in
                Task { try await fetcher.fetch(makeFetch("http://\(name).test/")).status }
            }
            try await waitUntil(loop) { names.asked.count == 1 }
            try await loop.sleep(for: .milliseconds(30))
            for task in tasks { task.cancel() }
            for task in tasks { await #expect(throws: CancellationError.self) { try await task.value } }
            #expect(names.asked.count == 1)
            names.release(2)
            try await loop.sleep(for: .milliseconds(50))
            #expect(names.asked.count == 1)
        }
    }

    @Test func aNameThatNobodyAnswersForTimesOut() async throws {
        let names = NameBook(held: true)
        try await withFetcher(names: names.settings()) { fetcher, _ in
            let connect = makeFetch("http://silent.test/", connectTimeout: .milliseconds(200))
            let early = try await fetcher.failure(connect)
            #expect(early.code == .timeout && early.detail == "no connection within 0.2 seconds")
            #expect(early.seconds >= 0.19)
            let whole = try await fetcher.failure(
                makeFetch("http://silent.test/", timeout: .milliseconds(200)))
            #expect(whole.code == .timeout && whole.detail == "no complete answer within 0.2 seconds")
            #expect(names.asked.count == 1)
            names.release(1)
        }
    }

    @Test func stoppingEndsWhatWaitsForAName() async throws {
        let names = NameBook(held: true)
        try await withFetcher(names: names.settings()) { fetcher, loop in
            let task = Task { try await fetcher.fetch(makeFetch("http://silent.test/")).status }
            try await waitUntil(loop) { names.asked.count == 1 }
            await fetcher.stop()
            await #expect(throws: CancellationError.self) { try await task.value }
            await #expect(throws: CancellationError.self) {
                try await fetcher.fetch(makeFetch("http://other.test/"))
            }
            names.release(1)
        }
    }

    @Test(arguments: [
        ["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "::ffff:10.0.0.1"], ["fe80::1"],
        ["127.0.0.1", "::1", "169.254.169.254"],
    ])
    func oneAddressThatIsRefusedRefusesTheHost(addresses: [String]) async throws {
        let names = NameBook(["mixed.test": [addresses]])
        try await withHostileServer(Self.answer) { server in
            try await withFetcher(names: names.settings()) { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch("http://mixed.test:\(server.port)/"))
                #expect(failure.code == .urlBlocked)
                for address in addresses { #expect(!failure.detail.contains(address)) }
                #expect(server.connections == 0)
            }
        }
    }

    @Test(arguments: [["127.0.0.2", "127.0.0.1"], ["::1", "127.0.0.1"], ["127.0.0.3", "::1", "127.0.0.1"]])
    func anAddressNobodyListensAtFallsOverToTheNext(addresses: [String]) async throws {
        let names = NameBook(["site.test": [addresses]])
        try await withHostileServer(Self.answer) { server in
            try await withFetcher(names: names.settings()) { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch("http://site.test:\(server.port)/"))
                #expect(answer.status == 200)
            }
        }
    }

    @Test func addressesAreTriedInTheOrderOfTheAnswer() async throws {
        let names = NameBook([
            "first.test": [["127.0.0.1", "127.0.0.9"]], "last.test": [["127.0.0.9", "127.0.0.1"]],
        ])
        try await withNginx(server: "location / { return 200 $server_addr; }") { nginx in
            try await withFetcher(names: names.settings()) { fetcher, _ in
                for host in ["first.test", "last.test"] {
                    let answer = try await fetcher.fetch(makeFetch("http://\(host):\(nginx.port)/"))
                    #expect(answer.text == "127.0.0.1")
                }
            }
        }
    }

    @Test func anAnswerThatChangesIsJudgedAgain() async throws {
        let names = NameBook(["rebind.test": [["127.0.0.1"], ["10.0.0.1"]]])
        try await withHostileServer { connection, _ in
            writeAnswer(connection, "200 OK", ["Connection: close"]) && false
        } _: { server in
            try await withFetcher(names: names.settings { $0.answerSeconds = 0 }) { fetcher, _ in
                let request = makeFetch("http://rebind.test:\(server.port)/")
                let answer = try await fetcher.fetch(request)
                #expect(answer.status == 200)
                for _ in 0..<3 {
                    let failure = try await fetcher.failure(request)
                    #expect(failure.code == .urlBlocked)
                }
                #expect(server.connections == 1)
            }
        }
    }

    @Test func aNewAnswerIsDialledAndNotTheFormerOne() async throws {
        let names = NameBook(["moved.test": [["127.0.0.9"], ["127.0.0.1"]]])
        try await withHostileServer(Self.answer) { server in
            try await withFetcher(names: names.settings { $0.answerSeconds = 0 }) { fetcher, _ in
                let request = makeFetch("http://moved.test:\(server.port)/")
                let failure = try await fetcher.failure(request)
                #expect(failure.code == .connectFailed)
                let answer = try await fetcher.fetch(request)
                #expect(answer.status == 200)
            }
        }
    }

    @Test func aRedirectToARefusedNameIsBlocked() async throws {
        let names = NameBook(["inner.test": [["10.0.0.1"]]])
        try await withHostileServer { connection, _ in
            writeAnswer(connection, "302 Found", ["Location: http://inner.test/"])
        } _: { server in
            try await withFetcher(names: names.settings()) { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch(server.base + "/"))
                #expect(failure.code == .urlBlocked)
                #expect(names.asked == ["inner.test"])
            }
        }
    }

    @Test func connectionsAreUsedAgainWhenANameWasAskedForAgain() async throws {
        let names = NameBook(["site.test": [["127.0.0.1"]]])
        try await withHostileServer(Self.answer) { server in
            try await withFetcher(names: names.settings { $0.answerSeconds = 0 }) { fetcher, _ in
                for number in 0..<5 {
                    _ = try await fetcher.fetch(makeFetch("http://site.test:\(server.port)/\(number)"))
                }
                #expect(names.asked.count == 5)
                #expect(server.connections == 1)
            }
        }
    }

    @Test func oddNamesReachLibcurlAsTheyAre() async throws {
        let odd = ["-dash.test", "under_score.test", "dot.test.", String(repeating: "a.", count: 126) + "a"]
        let names = NameBook(Dictionary(uniqueKeysWithValues: odd.map { ($0, [["127.0.0.1"]]) }))
        try await withHostileServer(Self.answer) { server in
            try await withFetcher(names: names.settings()) { fetcher, _ in
                for name in odd {
                    let answer = try await fetcher.fetch(makeFetch("http://\(name):\(server.port)/"))
                    #expect(answer.status == 200, "\(name)")
                }
            }
        }
    }

    @Test func manyHostsLeaveNothingBehind() async throws {
        let names = NameBook(
            Dictionary(uniqueKeysWithValues: (0..<300).map { ("h\($0).test", [["127.0.0.1"]]) }))
        try await withHostileServer(Self.answer) { server in
            try await withFetcher(names: names.settings { $0.maxNames = 10 }) { fetcher, _ in
                for number in 0..<300 {
                    let answer = try await fetcher.fetch(makeFetch("http://h\(number).test:\(server.port)/"))
                    #expect(answer.status == 200)
                }
                #expect(names.asked.count == 300)
            }
        }
    }
}

@Suite struct NameLookupTests {
    @Test func theSystemKnowsThisMachine() {
        guard case .addresses(let addresses) = NameLookup.system("localhost") else {
            Issue.record("localhost has no address")
            return
        }
        #expect(Set(addresses).isSubset(of: [.v4(0x7f00_0001), .v6(1)]))
    }

    @Test(arguments: [
        "nonexistent.invalid", "a..b", "", String(repeating: "a", count: 64) + ".test",
        String(repeating: "a.", count: 200),
    ])
    func whatIsNoNameHasNoAddress(name: String) {
        #expect(NameLookup.system(name) == .failed)
    }
}
