import Foundation
import Glibc
@testable import HTTPCore
import HTTPTypes
import Testing

/// A directory of its own, a loop for its files, and a server of them.
private struct FileSite {
    let root: URL
    let fileLoop: EventLoop
    let server: TestServer

    init() async throws {
        root = FileManager.default.temporaryDirectory.appending(path: "files-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: root.appending(path: "public/sub"), withIntermediateDirectories: true)
        fileLoop = try EventLoop(name: "files")
        let directory = try FileDirectory(
            path: root.appending(path: "public").path(percentEncoded: false), blockingLoop: fileLoop)
        server = try await TestServer { request in
            guard let path = request.query, let file = try await directory.open(path) else {
                throw HTTPError(.notFound)
            }
            return try file.representation(headers: [.contentType: "text/plain"]).response(to: request)
        }
    }

    /// A file below the root, last changed at 1994-11-06 08:49:37.5 UTC unless it is `fresh`.
    func write(_ path: String, _ text: String, fresh: Bool = false) throws {
        let url = root.appending(path: path)
        try Data(text.utf8).write(to: url)
        if !fresh {
            let date = Date(timeIntervalSince1970: 784_111_777.5)
            try FileManager.default.setAttributes(
                [.modificationDate: date], ofItemAtPath: url.path(percentEncoded: false))
        }
    }

    func get(_ path: String, fields: String = "") async throws -> TestClient.Answer {
        let client = try await server.connect()
        try await client.send("GET /?\(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        let answer = try await client.readAnswer()
        await client.close()
        return answer
    }

    func end() async throws {
        await server.stop()
        try removeFiles()
    }

    func removeFiles() throws {
        fileLoop.stop()
        try FileManager.default.removeItem(at: root)
    }
}

@Suite struct FileTests {
    @Test("a file is sent with its length, its tag and the time of its last change")
    func file() async throws {
        let site = try await FileSite()
        try site.write("public/a.txt", "hello")
        let answer = try await site.get("a.txt")
        #expect(answer.status == 200 && answer.body == "hello")
        #expect(answer["last-modified"] == "Sun, 06 Nov 1994 08:49:37 GMT")
        let tag = try #require(answer["etag"])
        #expect(tag.hasPrefix("\""))
        #expect(try await site.get("a.txt", fields: "If-None-Match: \(tag)\r\n").status == 304)
        let part = try await site.get("a.txt", fields: "Range: bytes=1-2\r\nIf-Range: \(tag)\r\n")
        #expect(part.status == 206 && part.body == "el")
        try await site.end()
    }

    @Test("another length or another time is another tag")
    func tags() async throws {
        let site = try await FileSite()
        try site.write("public/a", "hello")
        try site.write("public/b", "hello!")
        let tags = [try await site.get("a")["etag"], try await site.get("b")["etag"]]
        try site.write("public/a", "jello", fresh: true)
        let changed = try await site.get("a")
        #expect(Set(tags + [changed["etag"]]).count == 3)
        try await site.end()
    }

    @Test(
        "a file changed just now has a weak tag and no Last-Modified, so that nobody resumes what may still change"
    )
    func fresh() async throws {
        let site = try await FileSite()
        try site.write("public/a", "hello", fresh: true)
        let answer = try await site.get("a")
        let tag = try #require(answer["etag"])
        #expect(tag.hasPrefix("W/\""))
        #expect(answer["last-modified"] == nil)
        let part = try await site.get("a", fields: "Range: bytes=1-2\r\nIf-Range: \(tag)\r\n")
        #expect(part.status == 200 && part.body == "hello")
        try await site.end()
    }

    @Test(
        "nothing outside of the directory is served",
        arguments: [
            "../secret", "sub/../../secret", "/etc/passwd", "//secret", "sub/./inside", "./inside", "", "/",
            ".", "..", "sub", "sub/", "missing", "inside/", "inside/x", "link", "linked/secret",
            "outer/secret",
            "pipe", String(repeating: "a", count: 300), String(repeating: "sub/", count: 40) + "inside",
        ])
    func outside(path: String) async throws {
        let site = try await FileSite()
        try site.write("secret", "secret")
        try site.write("public/inside", "inside")
        try site.write("public/sub/inside", "inside")
        let links = [
            ("link", "../secret"), ("linked", ".."), ("outer", site.root.path(percentEncoded: false)),
        ]
        for (name, target) in links {
            try FileManager.default.createSymbolicLink(
                atPath: site.root.appending(path: "public/\(name)").path(percentEncoded: false),
                withDestinationPath: target)
        }
        #expect(mkfifo(site.root.appending(path: "public/pipe").path(percentEncoded: false), 0o600) == 0)
        #expect(try await site.get(path).status == 404)
        #expect(try await site.get("sub/inside").body == "inside")
        try await site.end()
    }

    @Test("a path with a NUL names nothing")
    func nul() async throws {
        let site = try await FileSite()
        try site.write("public/a", "hello")
        let directory = try FileDirectory(
            path: site.root.appending(path: "public").path(percentEncoded: false), blockingLoop: site.fileLoop
        )
        #expect(try await directory.open("a\0b") == nil)
        #expect(try await directory.open("a")?.length == 5)
        try await site.end()
    }

    @Test("what is not in the page cache is read as well")
    func cold() async throws {
        let site = try await FileSite()
        let text = String(repeating: "0123456789", count: 100_000)
        try site.write("public/a", text)
        let descriptor = open(site.root.appending(path: "public/a").path(percentEncoded: false), O_RDONLY)
        fsync(descriptor)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        close(descriptor)
        #expect(try await site.get("a").body == text)
        #expect(try await site.get("a", fields: "Range: bytes=999990-\r\n").body == "0123456789")
        try await site.end()
    }

    @Test("a file that shrinks while it is sent cuts the answer off")
    func shrinks() async throws {
        let site = try await FileSite()
        try site.write("public/a", "hello")
        let directory = try FileDirectory(
            path: site.root.appending(path: "public").path(percentEncoded: false), blockingLoop: site.fileLoop
        )
        let file = try #require(try await directory.open("a"))
        try Data("he".utf8).write(to: site.root.appending(path: "public/a"))
        #expect(truncate(site.root.appending(path: "public/a").path(percentEncoded: false), 2) == 0)
        let response = try file.representation().response(to: Request(method: .get, path: "/"))
        await #expect(throws: ByteSourceFault.self) { try await response.body.collectBody() }
        try await site.end()
    }

    @Test("descriptors are closed, whether a body was sent or not")
    func descriptors() async throws {
        let site = try await FileSite()
        try site.write("public/a", "hello")
        _ = try await site.get("a")
        let before = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter(isOpenFile)
        for _ in 0..<20 {
            #expect(try await site.get("a").status == 200)
            #expect(try await site.get("a", fields: "If-None-Match: *\r\n").status == 304)
            #expect(try await site.get("missing").status == 404)
        }
        await site.server.stop()
        let after = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter(isOpenFile)
        #expect(after.count <= before.count)
        try site.removeFiles()
    }

    private func isOpenFile(_ descriptor: String) -> Bool {
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
        return target?.contains("/files-") ?? false
    }
}
