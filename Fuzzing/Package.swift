// swift-tools-version: 6.2
import PackageDescription

/// The rules of the package above, and what makes HTTPCore's pure rooms a fuzz target: coverage, and access to what is
/// internal. Both need unsafe flags, which is why this is a package of its own. Its HTTPCore is `Message` and `Wire`,
/// by symbolic links.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "Fuzzing",
    dependencies: [.package(url: "https://github.com/apple/swift-http-types", from: "1.8.0")],
    targets: [
        .target(
            name: "HTTPCore",
            dependencies: [.product(name: "HTTPTypes", package: "swift-http-types")],
            swiftSettings: strict + [.unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])]),
        .systemLibrary(name: "CLibFuzzer"),
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "HTTPCore", "CLibFuzzer", .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
    ]
)
