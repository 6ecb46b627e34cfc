import DequeModule

/// The part of a shard's frontier that is in memory: which pages are taken, and where to read on. Pure.
///
/// The frontier is read in the order of its pages' numbers. An origin that has its share of the window (its pages wait
/// for their host) is *deferred*: its further pages are passed over, and read on their own once some have left.
/// So a slow host holds its share of the memory and nobody up.
struct FrontierWindow {
    /// Pages taken at least, beyond those being fetched: work for the semaphore while a batch commits.
    static let minSize = 64
    /// Pages of one origin at least, where there are others.
    static let minShare = 16
    /// Pages of deferred origins that may be taken besides the window itself: 32 slow hosts with their shares.
    static let maxDeferred = 512
    /// Pages looked at in one read while origins are passed over.
    static let stretch = 1000

    /// Pages taken of origins that keep up.
    let size: Int
    private let share: Int

    /// By number; the origin of each.
    private var taken: [Int64: String] = [:]
    private var takenRetries: Set<Int64> = []
    private var origins: [String: Origin] = [:]
    private var ready = Deque<String>()
    private var deferredCount = 0
    /// Of deferred origins.
    private var deferredTaken = 0
    private(set) var cursor: Int64 = 0
    /// The highest number ever taken: whatever is behind it is nobody's yet.
    private(set) var highest: Int64 = 0
    /// The last read came to the end, and nothing was found since.
    private var isRead = false

    private struct Origin {
        var taken = 0
        /// Where to read on; nil: it is not deferred.
        var cursor: Int64?
        var isReady = false
    }

    init(concurrency: Int, perHost: Int) {
        size = max(Self.minSize, concurrency * 2)
        share = max(Self.minShare, perHost * 2)
    }

    var count: Int { taken.count }
    var isEmpty: Bool { taken.isEmpty }
    /// How many of them were attempted before.
    var retries: Int { takenRetries.count }

    /// A quarter of the window, so that three more are on their way while it commits.
    var fullBatch: Int { max(1, size / 4) }

    /// Nothing is taken, and nothing was left to read when it was read last.
    var isExhausted: Bool { isEmpty && isRead && deferredCount == 0 }

    /// What one origin may take: with others beside it a small part, alone all but the quarter that looks further.
    private var originShare: Int {
        origins.count > 1 ? min(share, size - size / 4) : size - size / 4
    }

    /// How many pages of origins that keep up may be taken.
    var room: Int { min(size - (taken.count - deferredTaken), size + Self.maxDeferred - taken.count) }

    /// Worth a read: a quarter of the window is free, or something waits to be read.
    var wantsPages: Bool { originToRead != nil || wantsFrontier }

    var wantsFrontier: Bool { !isRead && (room >= size / 4 || isEmpty) }

    /// A deferred origin some of whose pages have left.
    var originToRead: (origin: String, after: Int64, limit: Int)? {
        guard let origin = ready.first, let state = origins[origin], let cursor = state.cursor,
            size + Self.maxDeferred > taken.count
        else { return nil }
        return (origin, cursor, max(1, originShare - state.taken))
    }

    /// How many rows to look at: while origins are passed over, many yield few.
    func stretch(atMost limit: Int) -> Int {
        deferredCount == 0 ? min(max(1, room), limit) : max(Self.stretch, room)
    }

    var deferredOrigins: [String] {
        deferredCount == 0 ? [] : origins.compactMap { $0.value.cursor == nil ? nil : $0.key }
    }

    /// Origins that have their share: a read of retries that holds nothing but theirs would hide the others'.
    var fullOrigins: [String] { origins.compactMap { $0.value.taken >= originShare ? $0.key : nil } }

    /// Due retries are few as a rule; many of one origin must not hide the others'.
    var retryLimit: Int { max(256, room + takenRetries.count) }

    // MARK: Reads

    /// Takes what there is room for; returns the pages to fetch.
    mutating func frontierRead(_ slice: FrontierSlice, atMost limit: Int) -> [QueuedPage] {
        var fresh: [QueuedPage] = []
        for page in slice.pages where taken[page.id] == nil {
            let origin = page.url.origin
            if origins[origin]?.cursor != nil { continue }
            if origins[origin]?.taken ?? 0 >= originShare {
                postpone(origin, from: page.id)
                continue
            }
            guard room > 0, fresh.count < limit else {
                // The rest of the stretch is read again when there is room.
                advance(to: page.id - 1)
                return fresh
            }
            take(page, origin)
            fresh.append(page)
        }
        if let last = slice.scannedTo { advance(to: last) }
        isRead = slice.isLast
        return fresh
    }

    /// Takes what was read of a deferred origin; returns the pages to fetch.
    mutating func originRead(_ origin: String, _ slice: FrontierSlice) -> [QueuedPage] {
        ready.removeAll { $0 == origin }
        origins[origin]?.isReady = false
        let fresh = slice.pages.filter { taken[$0.id] == nil }
        for page in fresh { take(page, origin) }
        if slice.isLast {
            keepUp(origin)
        } else if let last = slice.scannedTo {
            origins[origin]?.cursor = last
            lookAtShare(of: origin)
        }
        return fresh
    }

    /// Returns the pages to fetch, and whether some found no room.
    mutating func retriesRead(_ due: [QueuedPage]) -> (fresh: [QueuedPage], left: Bool) {
        var fresh: [QueuedPage] = []
        var left = false
        for page in due where taken[page.id] == nil {
            let origin = page.url.origin
            guard taken.count < size + Self.maxDeferred, origins[origin]?.taken ?? 0 < originShare else {
                left = true
                continue
            }
            take(page, origin)
            takenRetries.insert(page.id)
            fresh.append(page)
        }
        return (fresh, left)
    }

    /// New pages are numbered from `first` on: that may be below what was read, where the shard has pages of others.
    mutating func pagesWereFound(from first: Int64) {
        isRead = false
        cursor = min(cursor, first - 1)
        for (origin, state) in origins {
            if let read = state.cursor, read >= first { origins[origin]?.cursor = first - 1 }
        }
    }

    /// Reads from the beginning again: pages may be there that could not be seen before.
    mutating func restart() {
        isRead = false
        cursor = 0
    }

    mutating func remove(_ page: QueuedPage) {
        guard let origin = taken.removeValue(forKey: page.id) else { return }
        takenRetries.remove(page.id)
        origins[origin]?.taken -= 1
        guard let state = origins[origin] else { return }
        if state.cursor != nil {
            deferredTaken -= 1
            lookAtShare(of: origin)
        } else if state.taken == 0 {
            origins[origin] = nil
        }
    }

    // MARK: Origins

    private mutating func take(_ page: QueuedPage, _ origin: String) {
        taken[page.id] = origin
        origins[origin, default: Origin()].taken += 1
        if origins[origin]?.cursor != nil { deferredTaken += 1 }
        highest = max(highest, page.id)
    }

    private mutating func advance(to id: Int64) { cursor = max(cursor, id) }

    private mutating func postpone(_ origin: String, from id: Int64) {
        origins[origin]?.cursor = id - 1
        deferredCount += 1
        deferredTaken += origins[origin]?.taken ?? 0
        lookAtShare(of: origin)
    }

    /// Every page of it that was there is taken or settled: it goes with the others again.
    private mutating func keepUp(_ origin: String) {
        guard let state = origins[origin], state.cursor != nil else { return }
        deferredCount -= 1
        deferredTaken -= state.taken
        origins[origin]?.cursor = nil
        if state.taken == 0 { origins[origin] = nil }
    }

    private mutating func lookAtShare(of origin: String) {
        guard let state = origins[origin], state.cursor != nil, !state.isReady,
            state.taken <= originShare / 2
        else { return }
        origins[origin]?.isReady = true
        ready.append(origin)
    }
}
