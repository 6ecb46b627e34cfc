import HTTPCore
import Logging

/// Pages whose body is saved: fetched into a ``PageSaver``, read where the job asks for that, settled with their file.
extension JobRun {
    /// Uploads of the shard that were begun and not settled, by page.
    struct Uploads {
        var pages: Set<Int64> = []
    }

    /// Asks the store what former owners of the shard have left. Whatever is not known begins again.
    func recallUploads() async {
        guard lease.epoch > 1, lease.spec.pages.contains(where: \.save) else { return }
        do {
            uploads.pages = Set(try await context.files.unfinished(lease))
        } catch {
            logger.warning("files begin again", metadata: ["cause": "\(error)"])
        }
    }

    /// As ``fetchAndRead(_:_:crawlDelay:)``, with the body saved. One attempt may take several requests: what a server
    /// sends in parts, and what turned out to be of no use.
    func fetchAndSave(
        _ page: QueuedPage, _ work: PageWork, crawlDelay: Duration?
    ) async throws -> (FetchResponse, Result<PageSettlement.Result, any Error>?) {
        let saver = makeSaver(page, work.kind)
        do {
            if uploads.pages.contains(page.id) { try await saver.recall() }
            let outcome = try await fetch(page, into: saver, crawlDelay: crawlDelay) { response in
                try await self.save(saver, work, response)
            }
            // A server that refuses the rest for now may give it later.
            let isRefused = outcome.1 == nil
            if isRefused, await saver.hasUpload {
                uploads.pages.insert(page.id)
            } else {
                uploads.pages.remove(page.id)
            }
            return outcome
        } catch {
            // Kept for the next attempt, which may be this run's.
            if await saver.hasUpload { uploads.pages.insert(page.id) }
            guard error is PageSaver.LeaseLost else { throw error }
            logger.notice("lease lost in mid-file")
            abort()
            throw CancellationError()
        }
    }

    private func makeSaver(_ page: QueuedPage, _ kind: PageKind) -> PageSaver {
        let hasOwnRange = lease.spec.fetch.headers.contains { $0.name.lowercased() == "range" }
        return PageSaver(
            page, lease, context, party: seat.number,
            maxReadBytes: kind.isRead ? lease.spec.limits.maxPageBytes : 0,
            mayResume: page.request == nil && !hasOwnRange, logger: logger)
    }

    /// Asks until there is an answer that is the page, whole, or no page at all. What the answers took together is
    /// bounded by the job's time for a file. `finish` runs while the job's permit is held, and no place at the host.
    private func fetch(
        _ page: QueuedPage, into saver: PageSaver, crawlDelay: Duration?,
        finish: (FetchResponse) async throws -> (FetchResponse, Result<PageSettlement.Result, any Error>)
    ) async throws -> (FetchResponse, Result<PageSettlement.Result, any Error>?) {
        var spent = 0.0
        while true {
            let turn = try await context.fetches.enter(
                seat, origin: page.url.origin, crawlDelay: crawlDelay ?? .zero)
            defer { context.fetches.leave(turn) }
            inFlight += 1
            defer { inFlight -= 1 }
            var response: FetchResponse
            do {
                response = try await pages.ask(savingRequest(for: page, saver, spent: spent), in: turn)
            } catch is PageSaver.StartOver {
                continue
            } catch let failure as FetchFailure {
                spent += failure.seconds
                // The server tired of waiting for the store: it is not its fault.
                if failure.code == .connectionLost, spent < fileTimeout, await saver.takeStoreWasAway() {
                    continue
                }
                throw failure
            }
            spent += response.seconds
            response.seconds = spent
            switch await saver.ended(response) {
            case .again: continue
            case .refused: return (response, nil)
            case .whole: return try await finish(response)
            case .fails(let code, let detail):
                throw FetchFailure(code: code, detail: detail, seconds: spent)
            }
        }
    }

    private var fileTimeout: Double {
        lease.spec.fetch.fileTimeoutSeconds ?? FetchPolicy.defaultFileTimeoutSeconds
    }

    private func savingRequest(
        for page: QueuedPage, _ saver: PageSaver, spent: Double
    ) async throws -> FetchRequest {
        guard spent < fileTimeout else {
            throw FetchFailure(
                code: .timeout, detail: "no complete answer within \(fileTimeout) seconds", seconds: spent)
        }
        var request = pages.request(for: page)
        request.timeout = .seconds(fileTimeout - spent)
        request.headers += await saver.nextRequest()
        let stall = min(lease.spec.fetch.timeoutSeconds, fileTimeout)
        request.streaming = BodyStreaming(sink: saver, stallTimeout: .seconds(stall))
        return request
    }

    /// The page's settlement with its file, and with what the body yields where it is read. What is no text, or too
    /// long to be read, is a file all the same.
    private func save(
        _ saver: PageSaver, _ work: PageWork, _ response: FetchResponse
    ) async throws -> (FetchResponse, Result<PageSettlement.Result, any Error>) {
        let (file, body) = try await saver.finish()
        var answer = file.answer(endingWith: response)
        // Its fields and links are not known, and must not be taken for unchanged by a job that may read more.
        if work.kind.isRead, body == nil { answer.fields = nil }
        var yield = PageYield()
        if let body {
            answer.body = body
            let whole = answer
            let read = try await context.workers.runUnlessCancelled(for: seat.number) {
                Result { try work.read(whole) }
            }
            answer.body = []
            switch read {
            case .success(.fetched(let found)): yield = found
            case .failure(ExtractionError.notText): break
            default: return (answer, read)
            }
        }
        yield.file = file
        return (answer, .success(.fetched(yield)))
    }
}

extension PageKind {
    /// The body of a saved page is to be read, too.
    fileprivate var isRead: Bool { !follow.isEmpty || !fields.isEmpty }
}

extension SavedFile {
    /// The answer that the file is. The last one may have been its rest (206), or the word that there is none (416):
    /// then what the first one said holds. Its body went to the file.
    func answer(endingWith last: FetchResponse) -> FetchResponse {
        var answer = last
        answer.body = []
        answer.streamedBytes = Int(bytes)
        guard last.status != head.status else { return answer }
        answer.status = head.status
        answer.finalURL = head.finalURL
        answer.contentType = head.contentType
        answer.fields = AnswerFields(etag: head.etag, lastModified: head.lastModified)
        return answer
    }
}
