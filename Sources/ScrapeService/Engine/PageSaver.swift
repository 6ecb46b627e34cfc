import Crypto
import HTTPCore
import Logging

/// One attempt at a page whose body is saved: cuts the body into pieces, hashes them on a worker and hands them to the
/// store, while the transfer waits. A body of at most one piece stays in memory and goes with the page's settlement.
///
/// It outlives its transfers: what it holds is asked for once only.
actor PageSaver: BodySink {
    /// The lease is lost: nothing more is to be fetched or stored.
    struct LeaseLost: Error {}
    /// What was received is of no use: ask for the whole.
    struct StartOver: Error {}

    /// Bytes hashed where they are; more go to a worker: the loop has other pages to serve (16 KiB: some 20 µs).
    private static let maxInlineBytes = 16 << 10
    /// Pause before a store that is away is asked again.
    private static let storeBackoff = Duration.milliseconds(500)

    private let store: any FileStore
    private let loop: EventLoop
    private let workers: WorkerPool
    private let logger: Logger
    private let lease: JobLease
    private let page: Int64
    /// Whose work it is to the workers.
    private let party: Int
    /// How much of the body is kept to be read; 0: none of it.
    private let maxReadBytes: Int

    private var state: PageSavingState
    private var upload: FileUpload?
    /// The upload holds the first ``stored`` bytes of this body, and nothing else.
    private var isUploadOurs = false
    /// In whole pieces, but for the last.
    private var stored: Int64 = 0
    /// Over what is stored.
    private var hasher = SHA256()
    /// Received and not stored.
    private var pending: [UInt8] = []
    /// The whole body, unless it is too long to be read.
    private var body: [UInt8]?
    private var storeWasAway = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(
        _ page: QueuedPage, _ lease: JobLease, _ context: EngineContext, party: Int, maxReadBytes: Int,
        mayResume: Bool, logger: Logger
    ) {
        store = context.files
        loop = context.loop
        workers = context.workers
        self.logger = logger
        self.lease = lease
        self.page = page.id
        self.party = party
        self.maxReadBytes = maxReadBytes
        body = maxReadBytes > 0 ? [] : nil
        state = PageSavingState(maxBytes: lease.spec.limits.maxFileBytes, mayResume: mayResume)
    }

    /// There is an upload, which another attempt may go on from.
    var hasUpload: Bool { upload != nil }

    // MARK: Asking

    /// Takes up what an earlier attempt has left, where that can be gone on from. Throws ``LeaseLost``,
    /// `CancellationError`, ``FetchFailure``.
    func recall() async throws {
        let upload = try await openUpload()
        guard let head = upload.head, upload.bytes > 0, state.mayResume, PageSavingState.canResume(head)
        else {
            return
        }
        while stored < upload.bytes {
            let offset = stored
            let found = try await patiently { try await self.store.piece(of: upload.id, at: offset) }
            guard let piece = found, !piece.isEmpty else { return startOver() }
            hasher = await hash(hasher, piece)
            keep(piece)
            stored += Int64(piece.count)
        }
        isUploadOurs = true
        state = PageSavingState(
            maxBytes: lease.spec.limits.maxFileBytes, mayResume: true, earlier: (head, stored))
    }

    /// `Range` and `If-Range`, where something is there.
    func nextRequest() -> [HeaderField] { state.nextRequest() }

    /// Whether the store was away since this was asked last: the server may have waited in vain.
    func takeStoreWasAway() -> Bool {
        defer { storeWasAway = false }
        return storeWasAway
    }

    // MARK: Receiving

    func begin(_ head: FetchResponse) throws {
        switch state.began(head) {
        case .begins: startOver()
        case .continues: try checkPieces()
        case let verdict: try act(on: verdict)
        }
    }

    func write(_ bytes: [UInt8]) async throws {
        if let verdict = state.took(bytes.count) { try act(on: verdict) }
        keep(bytes)
        if pending.isEmpty { pending = bytes } else { pending += bytes }
        // The last piece stays: a body that ends here needs no upload.
        while pending.count > FilePieces.bytes {
            let piece = Array(pending[..<FilePieces.bytes])
            pending.removeFirst(FilePieces.bytes)
            try await save(piece)
        }
    }

    /// A short piece is the last one of its body.
    private func checkPieces() throws {
        if stored % Int64(FilePieces.bytes) != 0 { try act(on: .startOver) }
    }

    private func act(on verdict: PageSavingState.Verdict) throws {
        switch verdict {
        case .begins, .continues: break
        case .startOver:
            state = PageSavingState(maxBytes: lease.spec.limits.maxFileBytes, mayResume: state.mayResume)
            startOver()
            throw StartOver()
        case .fails(let code, let detail): throw FetchFailure(code: code, detail: detail, seconds: 0)
        }
    }

    private func startOver() {
        isUploadOurs = false
        stored = 0
        hasher = SHA256()
        pending = []
        body = maxReadBytes > 0 ? [] : nil
    }

    private func keep(_ bytes: [UInt8]) {
        guard let count = body?.count else { return }
        if count + bytes.count > maxReadBytes { body = nil } else { body?.append(contentsOf: bytes) }
    }

    // MARK: Ending

    /// What the answer that has ended leaves to do.
    func ended(_ answer: FetchResponse) -> PageSavingState.Ending { state.ended(answer) }

    /// The file, all of it where it is to be settled from, and what is to be read of it; nil: nothing of it.
    func finish() async throws -> (file: SavedFile, body: [UInt8]?) {
        guard let head = state.head else {
            throw FetchFailure(code: .internalError, detail: "an answer without a head", seconds: 0)
        }
        if stored == 0 {
            let hash = await hash(SHA256(), pending).finalize()
            let file = SavedFile(
                head: head, bytes: Int64(pending.count), sha256: Array(hash), content: .whole(pending))
            return (file, body)
        }
        if !pending.isEmpty {
            try await save(pending)
            pending = []
        }
        let file = SavedFile(
            head: head, bytes: stored, sha256: Array(hasher.finalize()),
            content: .upload(try await openUpload().id))
        return (file, body)
    }

    private func hash(_ hasher: SHA256, _ bytes: [UInt8]) async -> SHA256 {
        let work: @Sendable () -> SHA256 = {
            var hasher = hasher
            hasher.update(data: bytes)
            return hasher
        }
        return bytes.count <= Self.maxInlineBytes ? work() : await workers.run(for: party, work)
    }

    // MARK: The store

    private func save(_ piece: [UInt8]) async throws {
        let upload = try await preparedUpload()
        let offset = stored
        async let hashed = hash(hasher, piece)
        let isHeld = try await patiently {
            try await self.store.append(self.lease, to: upload.id, at: offset, piece)
        }
        guard isHeld else { throw LeaseLost() }
        hasher = await hashed
        stored += Int64(piece.count)
    }

    private func preparedUpload() async throws -> FileUpload {
        let upload = try await openUpload()
        if !isUploadOurs, let head = state.head {
            let isHeld = try await patiently {
                try await self.store.restartUpload(self.lease, upload.id, head: head)
            }
            guard isHeld else { throw LeaseLost() }
            isUploadOurs = true
        }
        return upload
    }

    private func openUpload() async throws -> FileUpload {
        if let upload { return upload }
        let opened = try await patiently { try await self.store.openUpload(self.lease, page: self.page) }
        guard let opened else { throw LeaseLost() }
        upload = opened
        return opened
    }

    /// Asks a store that is away until it is back: no byte is fetched for nothing, and none is lost.
    private func patiently<Value: Sendable>(
        _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        while true {
            do {
                return try await body()
            } catch StoreError.unavailable(let cause) {
                try Task.checkCancellation()
                logger.warning("store unavailable, a file waits", metadata: ["cause": "\(cause)"])
                storeWasAway = true
                try await loop.sleep(for: Self.storeBackoff)
            } catch let error as StoreError {
                logger.error("a file could not be stored", metadata: ["cause": "\(error)"])
                throw FetchFailure(code: .internalError, detail: "could not be stored", seconds: 0)
            }
        }
    }
}
