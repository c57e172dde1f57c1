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
  const tones = { not_due: "--am-age-not-due", "1_30": "--am-age-1", "31_60": "--am-age-31", "61_90": "--am-age-61", over_90: "--am-age-90", accent: "--am-accent" };

  function options(data) {
    const language = document.documentElement.lang;
    const money = data.unit.length === 3;
    const short = new Intl.NumberFormat(language, money ? { style: "currency", currency: data.unit, notation: "compact", maximumFractionDigits: 1 } : { maximumFractionDigits: 1 });
    const long = new Intl.NumberFormat(language, money ? { style: "currency", currency: data.unit } : { maximumFractionDigits: 1 });
    const suffix = data.unit === "%" ? " %" : "";
    const ink = css("--am-ink-2"), line = css("--am-line");
    const names = { type: "category", data: data.names, axisLabel: { color: ink }, axisLine: { lineStyle: { color: line } }, axisTick: { show: false } };
    const values = { type: "value", axisLabel: { color: ink, formatter: (v) => short.format(v) + suffix }, splitLine: { lineStyle: { color: line } }, scale: data.kind === "line", min: data.kind === "lines" ? 0 : undefined, minInterval: data.kind === "bars" ? 1 : undefined };
    const flat = data.kind === "bands";
    const base = {
      animation: false,
      textStyle: { fontFamily: "Inter, sans-serif" },
      grid: { left: 8, right: 32, top: data.series ? 40 : 12, bottom: 4, containLabel: true },
      tooltip: { trigger: "axis", renderMode: "richText", valueFormatter: (v) => (v == null ? "–" : long.format(v) + suffix), axisPointer: { type: flat || data.kind === "bars" ? "shadow" : "line" } },
      legend: data.series ? { type: "scroll", top: 0, left: 0, textStyle: { color: ink }, itemWidth: 12, itemHeight: 12 } : undefined,
      xAxis: flat ? values : names,
      yAxis: flat ? names : values,
    };
    if (data.kind === "lines") base.series = data.series.map((each) => ({ name: each.name, type: "line", data: each.values, showSymbol: false, lineStyle: { color: css(tones[each.tone]), width: 2, type: each.dashed ? "dashed" : "solid" }, itemStyle: { color: css(tones[each.tone]) } }));
    else base.series = data.series
      ? data.series.map((each) => ({ name: each.name, type: "bar", stack: flat ? "all" : undefined, data: each.values, itemStyle: { color: css(tones[each.tone]) }, barMaxWidth: 26 }))
      : [{ type: "line", data: data.values, showSymbol: data.values.length < 3, smooth: 0.2, lineStyle: { color: css("--am-accent"), width: 2 }, itemStyle: { color: css("--am-accent") }, areaStyle: { color: css("--am-accent"), opacity: 0.08 } }];
    return base;
  }

  function draw() {
    for (const [element, chart] of drawn) if (!element.isConnected) { chart.dispose(); drawn.delete(element); }
    for (const element of document.querySelectorAll("[data-chart]")) {
      const source = document.getElementById(element.dataset.chart);
      if (!source) continue;
      const chart = drawn.get(element) ?? echarts.init(element);
      drawn.set(element, chart);
      chart.setOption(options(JSON.parse(source.textContent)), true);
    }
  }
  draw();
  addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
  document.addEventListener("htmx:afterSettle", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
})();
