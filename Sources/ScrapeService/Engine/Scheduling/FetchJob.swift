/// What a job allows itself: made once a run, given with each page.
struct JobSeat: Hashable, Sendable {
    /// Unique in this process.
    let number: Int
    /// Pages at once: fetched, or being read.
    var permits: Int
    var pace: Pace

    struct Pace: Hashable, Sendable {
        /// Fetches in flight to one host.
        var limit: Int
        /// Between two requests to one host.
        var interval: Duration
    }
}

/// A job's permits and how its hosts share them.
///
/// Permits are given to hosts in turn. Where they are short, a host may have its share of them only, or a slow one would
/// collect all: it keeps a permit for long, and others leave one free now and then. What a host used lately is kept for
/// it, up to its share; the rest is for whoever wants it.
struct FetchJob {
    /// How often shares follow what the hosts use; what is kept for a host halves as often.
    static let reviewInterval = Duration.milliseconds(500)
    private static let reviewNanoseconds = reviewInterval.wholeNanoseconds

    let number: Int
    var permits: Int
    /// Its pairs, by host.
    var pairs: [Int: Int] = [:]
    /// Pairs whose host would admit them, in their turn.
    var line = Line()
    /// Those that have their share.
    var beyondShare = Line()
    var held = 0
    /// Pages that wait, for whatever.
    var waiting = 0
    /// Permits kept for hosts that do not use them now: the sum of their ``FetchPair/unused``.
    var kept = 0
    private var reviewedAt: Moment
    private(set) var nextReview: Moment
    /// Pairs at the last review.
    private(set) var reviewedPairs = 0
    var wakeAt: Moment?

    init(_ seat: JobSeat, now: Moment) {
        number = seat.number
        permits = seat.permits
        reviewedAt = now
        nextReview = now + Self.reviewNanoseconds
    }

    var free: Int { permits - held }
    var isIdle: Bool { held == 0 && waiting == 0 }

    /// Shares are old, or were made for far fewer hosts.
    func isReviewDue(at now: Moment) -> Bool {
        pairs.count * 4 > reviewedPairs * 5 || now >= nextReview
    }

    func admits(_ pair: FetchPair) -> Bool {
        free > 0 && (pair.permits < pair.share || free > kept)
    }

    /// Gives every host its share anew. Removes nothing; pairs that are idle and have no claim may go.
    mutating func review(_ all: inout Slots<FetchPair>, at now: Moment) {
        let age = max(0, (now.nanoseconds - reviewedAt.nanoseconds) / Self.reviewNanoseconds)
        var sharing = 0
        var ended = 0
        var claimed = 0
        for index in pairs.values {
            all[index].claim = max(all[index].peak, all[index].claim >> min(age, 16))
            all[index].peak = all[index].permits
            if all[index].claim > 0 || all[index].place == .job || all[index].place == .beyondShare {
                sharing += 1
                ended += all[index].ended
                claimed += all[index].claim
            }
        }
        let most = max(1, (permits + max(1, sharing) - 1) / max(1, sharing))
        let least = max(1, permits * 3 / (4 * max(1, sharing)))
        kept = 0
        for index in pairs.values {
            // Whoever gives a permit back less than half as soon as the others do has three quarters of a share: a
            // tenth of the permits in slow hands must not cost the others a tenth of their speed.
            let isSlow = 2 * all[index].ended * claimed < ended * all[index].claim
            all[index].share = isSlow ? least : most
            all[index].claim = min(all[index].claim, all[index].share)
            all[index].ended >>= min(age, 16)
            kept += all[index].unused
            if all[index].place == .beyondShare, all[index].permits < all[index].share {
                beyondShare.remove(index, in: &all)
                all[index].place = .job
                line.append(index, in: &all)
            }
        }
        if age > 0 { reviewedAt = now }
        nextReview = reviewedAt + Self.reviewNanoseconds
        reviewedPairs = pairs.count
    }
}
