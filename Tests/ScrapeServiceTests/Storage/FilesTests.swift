import Foundation
import Testing

@testable import ScrapeService

/// Saved bodies: whole or piece by piece, written with their page, fenced by the lease.
@Suite struct FilesTests {
    @Test func aBodyIsSavedWithItsPageAndCounted() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 3)
            let pages = try await fixture.pages(lease)
            let (first, empty) = (Array("eerste".utf8), [UInt8]())
            try await fixture.settle(
                lease, .saved(pages[1], .whole(first, type: "text/plain", name: "een.txt")),
                .failed(pages[2]),
                .saved(pages[0], .whole(empty, type: nil)))

            let entries = try await fixture.files(lease)
            #expect(entries.map(\.id) == [1, 2] && entries.map(\.bytes) == [6, 0])
            #expect(entries.map(\.url) == ["http://site.test/1", "http://site.test/0"])
            #expect(entries.map(\.contentType) == ["text/plain", nil])
            #expect(entries[0].disposition == "attachment; filename=\"een.txt\"")
            #expect(entries[0].finalURL == "http://site.test/final/name.txt" && entries[0].kind == "listing")
            #expect(entries[0].sha256 == first.digest)
            #expect(abs(entries[0].fetchedAt.timeIntervalSinceNow) < 60)
            #expect(try await fixture.content(entries[0], of: lease) == first)
            #expect(try await fixture.content(entries[1], of: lease) == empty)
            let snapshot = try #require(try await fixture.store.snapshot(of: lease.job, owner: nil))
            #expect(snapshot.files == 2 && snapshot.counters.items == 0)
            #expect(try await fixture.store.file(3, of: lease.job) == nil)
            #expect(try await fixture.store.file(1, of: .make()) == nil)
            #expect(try await fixture.number("select bytes from scrape_file where file = 1") == 6)
        }
    }

    @Test func aBatchSentTwiceSavesOnce() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 2)
            let pages = try await fixture.pages(lease)
            let id = try await fixture.upload(.pattern(300_000), lease, pages[1])
            let batch: [PageSettlement] = [
                .saved(pages[0], .whole("a")), .saved(pages[1], .uploaded(.pattern(300_000), id)),
            ]
            for _ in 0..<2 { _ = try await fixture.store.settle(lease, batch, gauges: JobGauges()) }
            // One page again beside a new one would be numbered anew.
            #expect(try await fixture.files(lease).map(\.id) == [1, 2])
            #expect(try await fixture.store.snapshot(of: lease.job, owner: nil)?.files == 2)
            #expect(try await fixture.leftovers() == ["piece": 3, "blob": 2, "file": 2])
        }
    }

    @Test func aLongBodyComesInPiecesAndAPieceSentTwiceChangesNothing() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease()
            let page = try await fixture.pages(lease)[0]
            let content = [UInt8].pattern(2 * FilePieces.bytes + 70_000)
            let opened = try #require(try await fixture.store.openUpload(lease, page: page.id))
            #expect(opened.bytes == 0 && opened.head == nil)
            #expect(try await fixture.store.restartUpload(lease, opened.id, head: .make(type: "a/b")))
            for offset in [0, 0, 1, 1, 0, 2] {
                let start = offset * FilePieces.bytes
                let piece = Array(content[start..<min(content.count, start + FilePieces.bytes)])
                #expect(try await fixture.store.append(lease, to: opened.id, at: Int64(start), piece))
            }
            let again = try #require(try await fixture.store.openUpload(lease, page: page.id))
            #expect(again.id == opened.id && again.bytes == Int64(content.count))
            #expect(again.head == .make(type: "a/b"))
            let second = try await fixture.store.piece(of: opened.id, at: Int64(FilePieces.bytes))
            #expect(second == Array(content[FilePieces.bytes..<2 * FilePieces.bytes]))
            #expect(try await fixture.store.piece(of: opened.id, at: Int64(3 * FilePieces.bytes)) == nil)

            try await fixture.settle(lease, .saved(page, .uploaded(content, opened.id)))
            let entry = try #require(try await fixture.files(lease).first)
            #expect(try await fixture.content(entry, of: lease) == content)
            #expect(try await fixture.leftovers() == ["piece": 3, "blob": 1, "file": 1])
        }
    }

    @Test func aShortLastPieceIsReplacedByALongerOne() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease()
            let page = try await fixture.pages(lease)[0]
            let content = [UInt8].pattern(100_000)
            let id = try await fixture.upload(Array(content.prefix(40_000)), lease, page)
            #expect(try await fixture.store.append(lease, to: id, at: 0, content))
            #expect(try await fixture.store.openUpload(lease, page: page.id)?.bytes == 100_000)
            #expect(try await fixture.store.piece(of: id, at: 0) == content)
        }
    }

    @Test func aPieceBehindAGapOrInTheMiddleOfOneIsRefused() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease()
            let page = try await fixture.pages(lease)[0]
            let id = try await fixture.upload(.pattern(1000), lease, page)
            for offset in [1000, FilePieces.bytes, 3 * FilePieces.bytes] {
                await #expect(throws: StoreError.self) {
                    try await fixture.store.append(lease, to: id, at: Int64(offset), [1])
                }
            }
            await #expect(throws: StoreError.self) {
                try await fixture.store.append(lease, to: id, at: 0, .pattern(FilePieces.bytes + 1))
            }
            #expect(try await fixture.store.openUpload(lease, page: page.id)?.bytes == 1000)
        }
    }

    @Test func anUploadThatHasNotAllItsBytesIsNotSaved() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease()
            let page = try await fixture.pages(lease)[0]
            let id = try await fixture.upload(.pattern(1000), lease, page)
            await #expect(throws: StoreError.self) {
                try await fixture.settle(lease, .saved(page, .uploaded(.pattern(1001), id)))
            }
            #expect(try await fixture.files(lease).isEmpty)
            #expect(try await fixture.countedRows(lease).fetched == 0)
        }
    }

    @Test func beginningAgainForgetsThePieces() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease()
            let page = try await fixture.pages(lease)[0]
            let id = try await fixture.upload(.pattern(FilePieces.bytes + 5), lease, page)
            for _ in 0..<2 {
                #expect(try await fixture.store.restartUpload(lease, id, head: .make(etag: "\"2\"")))
            }
            let again = try #require(try await fixture.store.openUpload(lease, page: page.id))
            #expect(again.id == id && again.bytes == 0 && again.head?.etag == "\"2\"")
            #expect(try await fixture.store.piece(of: id, at: 0) == nil)
            #expect(try await fixture.store.append(lease, to: id, at: 0, [7]))
            try await fixture.sweepAll()
            try await fixture.settle(lease, .saved(page, .uploaded([7], id)))
            let entry = try #require(try await fixture.files(lease).first)
            #expect(try await fixture.content(entry, of: lease) == [7])
            #expect(try await fixture.leftovers() == ["piece": 1, "blob": 1, "file": 1])
        }
    }

    @Test func theNextOwnerGoesOnAndTheFormerOneChangesNothing() async throws {
        try await StoreFixture.with { fixture in
            let former = try await fixture.makeLease()
            let page = try await fixture.pages(former)[0]
            let content = [UInt8].pattern(FilePieces.bytes + 9)
            let id = try await fixture.upload(Array(content.prefix(FilePieces.bytes)), former, page)
            try await fixture.store.release(former)
            let next = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
            let tail = Array(content.suffix(9))
            func comeLate() async throws {
                #expect(
                    try await !fixture.store.append(former, to: id, at: Int64(FilePieces.bytes), [0, 0]))
                #expect(try await !fixture.store.restartUpload(former, id, head: .make(etag: nil)))
                #expect(try await fixture.store.openUpload(former, page: page.id) == nil)
            }
            // Refused before the new owner has come to the page, and after.
            try await comeLate()
            let opened = try #require(try await fixture.store.openUpload(next, page: page.id))
            #expect(opened.id == id && opened.bytes == Int64(FilePieces.bytes) && opened.head == .make())
            try await comeLate()
            #expect(try await fixture.store.append(next, to: id, at: opened.bytes, tail))
            try await comeLate()
            try await fixture.settle(next, .saved(page, .uploaded(content, id)))
            #expect(try await fixture.store.openUpload(next, page: page.id) == nil, "the page is settled")
            let entry = try #require(try await fixture.files(next).first)
            #expect(try await fixture.content(entry, of: next) == content)
        }
    }

    @Test func aTakeoverInMidAppendIsWaitedForByTheNextOwner() async throws {
        try await StoreFixture.with(maxConnections: 6) { fixture in
            let former = try await fixture.makeLease()
            let page = try await fixture.pages(former)[0]
            let id = try await fixture.upload([1], former, page)
            // The former owner's append has looked at its lease and not committed.
            let opened = try await fixture.store.pool.withConnection { connection in
                try await connection.run("begin")
                _ = try await connection.query(
                    "select append_piece($1, $2, $3, $4, $5, $6)",
                    PostgresArguments(former.values + [.int(id), .int(0), .bytes([1, 2])]))
                try await fixture.store.release(former)
                let next = try await fixture.store.claim(for: fixture.makeReplica())
                async let opening = fixture.store.openUpload(try #require(next), page: page.id)
                try await fixture.waitForLockWaiter()
                try await connection.run("commit")
                return try await opening
            }
            #expect(opened?.bytes == 2)
            #expect(try await fixture.store.piece(of: id, at: 0) == [1, 2])
        }
    }

    @Test func aPageThatMovesTakesItsUploadAlong() async throws {
        try await StoreFixture.with { fixture in
            let former = try await fixture.makeLease(pages: 100)
            let page = try #require(try await fixture.pages(former).last)
            let id = try await fixture.upload(.pattern(FilePieces.bytes), former, page)
            try await fixture.store.release(former)
            let giver = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
            #expect(try await fixture.store.split(giver, after: 10, quota: 100) == 45)
            let taker = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
            #expect(try await fixture.store.openUpload(giver, page: page.id) == nil)
            let opened = try #require(try await fixture.store.openUpload(taker, page: page.id))
            #expect(opened.id == id && opened.bytes == Int64(FilePieces.bytes))
            #expect(try await !fixture.store.append(giver, to: id, at: 0, [0]))
            let first = try await fixture.pages(giver)[0]
            try await fixture.settle(giver, .saved(first, .whole("eerst")))
            try await fixture.settle(taker, .saved(page, .uploaded(.pattern(FilePieces.bytes), id)))
            #expect(try await fixture.files(giver).map(\.id) == [1, (1 << 40) + 1])
            // A walk of one at a time meets each once.
            var (position, walked) = (Position(), [Int64]())
            while true {
                let slice = try await fixture.store.files(of: giver.job, after: position, limit: 1)
                walked += slice.elements.map(\.id)
                position = slice.position
                if !slice.hasMore { break }
            }
            #expect(walked == [1, (1 << 40) + 1])
        }
    }

    @Test func aPageAskedForAgainFindsWhatItHad() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease()
            let page = try await fixture.pages(lease)[0]
            let id = try await fixture.upload(.pattern(FilePieces.bytes), lease, page)
            try await fixture.settle(lease, .failed(page, .timeout))
            #expect(try await fixture.store.finish(lease, JobEnd(reason: .finished)))
            _ = try await fixture.store.act(.retryFailed, on: lease.job, owner: nil)
            let again = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
            let opened = try #require(try await fixture.store.openUpload(again, page: page.id))
            #expect(opened.id == id && opened.bytes == Int64(FilePieces.bytes))
            #expect(try await !fixture.store.append(lease, to: id, at: 0, [0]))
        }
    }

    @Test(arguments: [(false, false, Outcome.empty), (true, false, .ok), (true, true, .partial)])
    func filesCountForTheOutcome(_ saves: Bool, _ fails: Bool, _ outcome: Outcome) async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 2)
            let pages = try await fixture.pages(lease)
            try await fixture.settle(
                lease, saves ? .saved(pages[0], .whole("x")) : .fetched(pages[0]),
                fails ? .failed(pages[1]) : .fetched(pages[1]))
            #expect(try await fixture.store.finish(lease, JobEnd(reason: .finished)))
            #expect(try await fixture.store.snapshot(of: lease.job, owner: nil)?.outcome == outcome)
        }
    }
}
