// swift-tools-version: 6.2
import PackageDescription

/// Hummingbird with one route: what HelloServer is measured against. Built by `Benchmarks/http/run` only.
let package = Package(
    name: "HummingbirdHello",
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1")
    ],
    targets: [
        .executableTarget(
            name: "HummingbirdHello", dependencies: [.product(name: "Hummingbird", package: "hummingbird")],
            path: "Sources")
    ]
)
