// Draws what stands in the json_script tags; the same numbers stand in a table beside each chart.
(() => {
  const drawn = new Map();
  const css = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  const tones = { not_due: "--am-age-not-due", "1_30": "--am-age-1", "31_60": "--am-age-31", "61_90": "--am-age-61", over_90: "--am-age-90", accent: "--am-accent", info: "--am-info", held: "--am-held", warn: "--am-warn", good: "--am-good", bad: "--am-bad", plain: "--am-line-strong" };

  // What a picture is made of, by its kind; the axes and the rest are the same for all.
  const colour = (each) => css(tones[each.tone] ?? tones.accent);
  const line = (each, more) => ({ name: each.name, type: "line", data: each.values, symbol: each.values.filter((v) => v != null).length < 3 ? "circle" : "none", symbolSize: 6, lineStyle: { color: colour(each), width: each.dashed ? 1.5 : 2, type: each.dashed ? [5, 4] : "solid" }, itemStyle: { color: colour(each) }, ...more });
  const bar = (each, more) => ({ name: each.name, type: "bar", data: each.values, itemStyle: { color: css(tones[each.tone] ?? tones.accent) }, barMaxWidth: 26, ...more });
  const drawings = {
    lines: (series) => series.map((each) => line(each, series.length === 1 ? { areaStyle: { color: css(tones[each.tone] ?? tones.accent), opacity: 0.08 } } : {})),
    bars: (series) => series.map((each) => bar(each)),
    stack: (series) => series.map((each) => bar(each, { stack: "all" })),
    // Between the lowest and the highest: the lowest is drawn unseen, what lies above it as an area; what came, behind them.
    band: ([low, middle, high, ...further]) => [
      ...further.filter((each) => !each.dashed).map((each) => bar(each, { itemStyle: { color: colour(each), opacity: 0.45 }, barMaxWidth: 18, z: 1 })),
      line(low, { stack: "band", lineStyle: { opacity: 0 }, symbol: "none" }),
      { ...line(high, { stack: "band", lineStyle: { opacity: 0 }, symbol: "none", areaStyle: { color: colour(middle), opacity: 0.18 }, itemStyle: { color: colour(middle), opacity: 0.3 } }), name: between(low, high), data: high.values.map((v, at) => (v == null || low.values[at] == null ? null : v - low.values[at])) },
      ...further.filter((each) => each.dashed).map((each) => line(each)),
      line(middle, { z: 3 }),
    ],
    funnel: (series) => series.map((each) => bar(each, { barMaxWidth: 34, label: { show: true, position: "right", color: css("--am-ink-2"), formatter: (p) => share(each.values, p.dataIndex) } })),
  };
  const between = (low, high) => `${low.name} – ${high.name}`;
  // What stands in the legend: of a band, its area once; lines as lines, the rest as squares.
  const entries = (data) => {
    const square = (name) => ({ name, icon: "roundRect" });
    const stroke = (each) => ({ name: each.name, icon: each.dashed ? "path://M0,5h6v2h-6zM8,5h6v2h-6zM16,5h4v2h-4z" : "path://M0,5h20v2h-20z" });
    if (data.kind !== "band") return data.series.map((each) => (data.kind === "lines" ? stroke(each) : square(each.name)));
    const [low, middle, high, ...further] = data.series;
    return [stroke(middle), square(between(low, high)), ...further.map((each) => (each.dashed ? stroke(each) : square(each.name)))];
  };
  const share = (values, at) => (values[0] ? new Intl.NumberFormat(document.documentElement.lang, { style: "percent", maximumFractionDigits: 1 }).format(values[at] / values[0]) : "");

  const lies = (data) => data.kind === "funnel" || (data.kind === "stack" && !data.timed); // time runs from left to right

  function options(data) {
    const language = document.documentElement.lang;
    const money = data.unit.length === 3;
    const short = new Intl.NumberFormat(language, money ? { style: "currency", currency: data.unit, notation: "compact", maximumFractionDigits: 1 } : { maximumFractionDigits: 1 });
    const long = new Intl.NumberFormat(language, money ? { style: "currency", currency: data.unit } : { maximumFractionDigits: 1 });
    const suffix = data.unit === "%" ? "\u00a0%" : "";
    const ink = css("--am-ink-2"), rule = css("--am-line");
    const flat = lies(data), bars = data.kind === "bars", several = data.series.length > 1 || data.kind === "stack";
    const said = (v) => (v == null ? "–" : long.format(v) + suffix);
    // The numbers themselves, also where the picture is drawn from their differences.
    const told = (points) => [data.names[points[0].dataIndex], ...data.series.map((each) => `${each.name}: ${said(each.values[points[0].dataIndex])}`)].join("\n");
    const names = { type: "category", data: data.names, inverse: data.kind === "funnel", boundaryGap: data.kind !== "lines" || data.names.length < 3, axisLabel: { color: ink, margin: 10, hideOverlap: true, interval: data.names.length <= 6 ? 0 : "auto", }, axisLine: { lineStyle: { color: rule } }, axisTick: { show: false } };
    const values = { type: "value", axisLabel: { color: ink, hideOverlap: true, formatter: (v) => short.format(v) + suffix }, splitLine: { lineStyle: { color: rule } }, scale: data.kind === "lines" && !money && data.unit !== "%", minInterval: bars && !money ? 1 : undefined };
    return {
      animation: false,
      textStyle: { fontFamily: "Inter, sans-serif" },
      grid: { left: 8, right: data.kind === "funnel" ? 56 : 24, top: several ? 40 : 12, bottom: 4, containLabel: true },
      tooltip: { trigger: "axis", renderMode: "richText", formatter: told, confine: true, backgroundColor: css("--am-surface"), borderColor: rule, textStyle: { color: css("--am-ink"), fontSize: 13 }, axisPointer: { type: flat || bars ? "shadow" : "line" } },
      legend: several ? { type: "scroll", top: 0, left: 0, textStyle: { color: ink }, itemWidth: 14, itemHeight: 12, itemGap: 16, data: entries(data) } : undefined,
      xAxis: flat ? values : names,
      yAxis: flat ? names : values,
      series: drawings[data.kind](data.series).map((each) => ({ ...each, cursor: data.urls?.some(Boolean) ? "pointer" : "default" })),
    };
  }

  // Bars whose names find no room side by side lie down, the first on top; on a phone names take a third of the width.
  function fit(made, data, element) {
    const width = element.clientWidth, longest = Math.max(0, ...data.names.map((name) => name.length)) * 7;
    const names = { width: Math.min(200, width * 0.34), overflow: "truncate" };
    if (lies(data)) return { ...made, yAxis: { ...made.yAxis, axisLabel: { ...made.yAxis.axisLabel, ...names } } };
    if (data.kind !== "bars" || data.timed || longest * data.names.length < width - 90) return made;
    element.style.height = `${Math.max(272, data.names.length * (12 + 10 * data.series.length) + 60)}px`;
    return { ...made, xAxis: made.yAxis, yAxis: { ...made.xAxis, inverse: true, axisLabel: { ...made.xAxis.axisLabel, ...names, interval: 0 } } };
  }

  function draw() {
    for (const [element, chart] of drawn) if (!element.isConnected) { chart.dispose(); drawn.delete(element); }
    for (const element of document.querySelectorAll("[data-chart]")) {
      const source = document.getElementById(element.dataset.chart);
      if (!source) continue;
      const chart = drawn.get(element) ?? echarts.init(element);
      drawn.set(element, chart);
      const data = JSON.parse(source.textContent), made = fit(options(data), data, element);
      chart.resize();
      chart.setOption(made, true);
      // A part leads where its line of the table leads.
      chart.off("click");
      chart.on("click", (p) => data.urls?.[p.dataIndex] && location.assign(data.urls[p.dataIndex]));
    }
  }
  draw();
  addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
  document.addEventListener("htmx:afterSettle", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
})();
