/// A horizontal bar chart as SVG 1.1: no script, no style sheet, nothing loaded, so it shows under any policy.
struct BarChart: Sendable {
    /// Width of the picture in pixels; the height follows the rows.
    let width: Double

    init(width: Double = 960) {
        self.width = max(width, 480)
    }

    private static let fontSize = 14.0
    private static let rowHeight = 26.0
    private static let barHeight = 18.0
    private static let margin = 28.0
    private static let headHeight = 112.0
    /// Share of the width a label may take; what is longer ends in an ellipsis and is whole in the tool tip.
    private static let maxLabelShare = 0.36
    private static let fonts =
        "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', Arial, sans-serif"

    /// The rows from top to bottom in the order of their counts, the largest first.
    func svg(title: String, rows: [WordCount]) -> String {
        let rows = rows.sorted { $0.count > $1.count }
        let layout = Layout(rows, width: width)
        let height = Self.headHeight + Double(max(rows.count, 2)) * Self.rowHeight + Self.margin
        var svg = head(title: title, rows: rows, height: height)
        if rows.isEmpty {
            svg += "<text x=\"\(Self.margin.short)\" y=\"\(Self.headHeight.short)\" fill=\"#5b6770\">"
            svg += "No words to show.</text>\n"
        } else {
            svg += grid(layout, bottom: height - Self.margin)
            svg += labels(rows, layout) + bars(rows, layout) + counts(rows, layout)
        }
        return svg + "</svg>\n"
    }

    /// Where things lie across: labels end at `left`, the bar of `top` ends at `left + span`.
    private struct Layout {
        let labels: [String]
        let left: Double
        let span: Double
        let top: Int

        init(_ rows: [WordCount], width: Double) {
            let room = width * maxLabelShare
            labels = rows.map { TextWidth.shortened(SVGText.clean($0.word), to: room, fontSize: fontSize) }
            let widest = labels.map { TextWidth.of($0, fontSize: fontSize) }.max() ?? 0
            top = max(rows.first?.count ?? 0, 1)
            left = (margin + widest + 12).rounded(.up)
            let countRoom = TextWidth.of(top.grouped, fontSize: fontSize) + 12
            span = max(width - margin - countRoom - left, 40)
        }

        func length(_ count: Int) -> Double {
            max(Double(max(count, 0)) / Double(top) * span, 1.5)
        }
    }

    private static func rowTop(_ index: Int) -> Double {
        headHeight + Double(index) * rowHeight
    }

    private func head(title: String, rows: [WordCount], height: Double) -> String {
        let shown = TextWidth.shortened(SVGText.clean(title), to: width - 2 * Self.margin, fontSize: 24)
        let (title, summary) = (SVGText.escaped(title), SVGText.escaped(Self.summary(rows)))
        let (w, h, x) = (width.short, height.short, Self.margin.short)
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <svg xmlns="http://www.w3.org/2000/svg" width="\(w)" height="\(h)" viewBox="0 0 \(w) \(h)" role="img" \
            aria-labelledby="chart-title chart-desc" font-family="\(Self.fonts)" font-size="\(Self.fontSize.short)">
            <title id="chart-title">\(title)</title>
            <desc id="chart-desc">\(summary)</desc>
            <rect width="\(w)" height="\(h)" fill="#fbfbfa"/>
            <text x="\(x)" y="42" font-size="22" font-weight="600" fill="#1b242c">\(SVGText.escaped(shown))</text>
            <text x="\(x)" y="66" fill="#5b6770">\(summary)</text>

            """
    }

    /// What the chart says, for those who cannot see it, and as the line below the title.
    private static func summary(_ rows: [WordCount]) -> String {
        guard let first = rows.first, let last = rows.last else { return "0 words" }
        let word = TextWidth.shortened(SVGText.clean(first.word), to: 320, fontSize: fontSize)
        if rows.count == 1 { return "1 word: \u{201C}\(word)\u{201D} with \(first.count.grouped)" }
        return "\(rows.count.grouped) words, from \u{201C}\(word)\u{201D} with \(first.count.grouped)"
            + " down to \(last.count.grouped)"
    }

    private func grid(_ layout: Layout, bottom: Double) -> String {
        var lines = "<g stroke=\"#e3e6e8\" stroke-width=\"1\">\n"
        var texts = "<g font-size=\"12\" fill=\"#7b868e\" text-anchor=\"middle\">\n"
        for tick in Ticks.values(upTo: layout.top) {
            let x = (layout.left + Double(tick) / Double(layout.top) * layout.span).short
            lines += "<path d=\"M\(x) \((Self.headHeight - 8).short)V\(bottom.short)\"/>\n"
            texts += "<text x=\"\(x)\" y=\"\((Self.headHeight - 14).short)\">\(tick.grouped)</text>\n"
        }
        return lines + "</g>\n" + texts + "</g>\n"
    }

    private func labels(_ rows: [WordCount], _ layout: Layout) -> String {
        var svg = "<g fill=\"#1b242c\" text-anchor=\"end\">\n"
        for (index, label) in layout.labels.enumerated() {
            let y = Self.rowTop(index) + Self.rowHeight / 2 + 5
            svg += "<text x=\"\((layout.left - 8).short)\" y=\"\(y.short)\">\(SVGText.escaped(label))"
            if label != rows[index].word { svg += "<title>\(SVGText.escaped(rows[index].word))</title>" }
            svg += "</text>\n"
        }
        return svg + "</g>\n"
    }

    private func bars(_ rows: [WordCount], _ layout: Layout) -> String {
        var svg = "<g fill=\"#3f7cac\">\n"
        for (index, row) in rows.enumerated() {
            let y = Self.rowTop(index) + (Self.rowHeight - Self.barHeight) / 2
            svg +=
                "<rect x=\"\(layout.left.short)\" y=\"\(y.short)\" width=\"\(layout.length(row.count).short)\" "
            svg += "height=\"\(Self.barHeight.short)\" rx=\"2\"><title>\(SVGText.escaped(row.word)): "
            svg += "\(row.count.grouped)</title></rect>\n"
        }
        return svg + "</g>\n"
    }

    private func counts(_ rows: [WordCount], _ layout: Layout) -> String {
        var svg = "<g fill=\"#44505a\">\n"
        for (index, row) in rows.enumerated() {
            let x = layout.left + layout.length(row.count) + 7
            let y = Self.rowTop(index) + Self.rowHeight / 2 + 5
            svg += "<text x=\"\(x.short)\" y=\"\(y.short)\">\(row.count.grouped)</text>\n"
        }
        return svg + "</g>\n"
    }
}
