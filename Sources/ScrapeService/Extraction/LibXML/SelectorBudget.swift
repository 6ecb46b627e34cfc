internal import CLibXML
import Glibc

/// What the selectors of one page may cost, each and together: whoever writes a selector or a page can make them
/// cost the square or the cube of the page's size. Work is counted in steps (a node looked at, a test of a selector,
/// ``bytesPerStep`` of text), and every ``checkInterval`` steps in CPU time, which also sees what steps count badly.
struct SelectorBudget: ~Copyable {
    /// Steps of one selector in one page: an honest one needs some three for each node of the page, so ten million
    /// for a page of 10 MiB; it takes a second or two to make so many.
    static let maxStepsPerSelector = 100_000_000
    /// CPU time of one selector in one page: what the steps take on a slow machine.
    static let maxNanosecondsPerSelector: UInt64 = 2_000_000_000
    /// Of all selectors of a page together: more than one may run away before the rest of them is given up.
    static let maxStepsPerPage = 250_000_000
    static let maxNanosecondsPerPage: UInt64 = 5_000_000_000
    /// Some hundred microseconds of work, so that asking for the time costs nothing.
    static let checkInterval = 16_384
    /// Text is copied, compared and searched at some gigabytes a second, a node is looked at in some nanoseconds.
    static let bytesPerStep = 64

    private struct Usage {
        var steps = 0
        var nanoseconds: UInt64 = 0
    }

    private var untilCheck = SelectorBudget.checkInterval
    /// What ``untilCheck`` was when steps were last charged.
    private var counted = SelectorBudget.checkInterval
    private var current = 0
    private var usage: [Usage]
    private var page = Usage()
    private var lastLook: UInt64

    init(selectors: Int) {
        usage = Array(repeating: Usage(), count: max(1, selectors))
        lastLook = Self.threadNanoseconds()
    }

    /// From now on the work is that of selector `index`; returns whose it was. Throws
    /// ``ExtractionError/exhausted(_:)`` where that selector has used up what it may.
    mutating func enter(_ index: Int) throws -> Int {
        let outer = current
        count()
        current = index
        do {
            try judge()
        } catch {
            current = outer
            throw error
        }
        return outer
    }

    mutating func leave(to outer: Int) {
        count()
        current = outer
    }

    /// Throws ``ExtractionError/exhausted(_:)``.
    @inline(__always)
    mutating func spend(_ steps: Int = 1) throws {
        untilCheck -= steps
        if untilCheck < 0 { try check() }
    }

    @inline(__always)
    mutating func spend(bytes: Int) throws {
        try spend(1 + bytes / Self.bytesPerStep)
    }

    /// Charges what was spent to the current selector.
    private mutating func count() {
        let steps = counted - untilCheck
        usage[current].steps += steps
        page.steps += steps
        counted = untilCheck
    }

    /// The time since the last look is charged to the selector that is at work now: the error is at most what a
    /// ``checkInterval`` takes.
    private mutating func check() throws {
        count()
        untilCheck = Self.checkInterval
        counted = Self.checkInterval
        let now = Self.threadNanoseconds()
        let elapsed = now - lastLook
        lastLook = now
        usage[current].nanoseconds += elapsed
        page.nanoseconds += elapsed
        try judge()
    }

    /// Whether selector `index` has used up what it may, whatever the others took.
    func hasRunAway(_ index: Int) -> Bool {
        usage[index].steps > Self.maxStepsPerSelector
            || usage[index].nanoseconds > Self.maxNanosecondsPerSelector
    }

    private func judge() throws {
        guard !hasRunAway(current) else {
            throw ExtractionError.exhausted("the selector takes too many steps on this page")
        }
        guard page.steps <= Self.maxStepsPerPage, page.nanoseconds <= Self.maxNanosecondsPerPage else {
            throw ExtractionError.exhausted("the selectors together take too many steps on this page")
        }
    }

    private static func threadNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
