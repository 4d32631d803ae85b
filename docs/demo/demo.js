// Draws, prepares and recognises. The page opens from disk, too, where a browser lets scripts fetch nothing: what is
// needed stands in bundle.js (see build.mjs).
"use strict";

(() => {
  const PEN_WIDTH = 22;
  const paper = document.getElementById("paper");
  const pen = paper.getContext("2d", { willReadFrequently: true });
  const preparedContext = document.getElementById("prepared").getContext("2d");
  const statusLine = document.getElementById("status");
  const bars = Array.from({ length: 10 }, (_, digit) => makeBar(digit));

  let session = null;
  let last = { ink: null, prepared: null, probabilities: null };
  // Only one run at a time; whatever is drawn meanwhile is recognised behind it.
  let running = null;
  let isStale = false;

  function makeBar(digit) {
    const item = document.createElement("li");
    const [name, share, percent] = ["name", "share", "percent"].map((role) => {
      const part = item.appendChild(document.createElement("span"));
      part.className = role;
      return part;
    });
    name.textContent = digit;
    document.getElementById("bars").appendChild(item);
    return { item, share, percent };
  }

  /** The canvas as numbers in [0, 1]: how much of each pixel the pen has covered. */
  function readInk() {
    const pixels = pen.getImageData(0, 0, paper.width, paper.height).data;
    return Float32Array.from({ length: paper.width * paper.height }, (_, i) => pixels[4 * i + 3] / 255);
  }

  function showPrepared(prepared) {
    const picture = preparedContext.createImageData(28, 28);
    prepared.forEach((value, i) => picture.data.set([...Array(3).fill(Math.round(255 * value)), 255], 4 * i));
    preparedContext.putImageData(picture, 0, 0);
  }

  function showProbabilities(probabilities) {
    const best = probabilities === null ? -1 : probabilities.indexOf(Math.max(...probabilities));
    bars.forEach(({ item, share, percent }, digit) => {
      const value = probabilities === null ? 0 : probabilities[digit];
      share.style.width = `${100 * value}%`;
      percent.textContent = probabilities === null ? "" : `${(100 * value).toFixed(1)} %`;
      item.classList.toggle("best", digit === best);
    });
    statusLine.textContent = best < 0 ? "Draw a digit from 0 to 9 on the black field." : `This is a ${best}.`;
  }

  async function recognise() {
    const ink = readInk();
    const prepared = centreDigit(ink, paper.height, paper.width);
    let probabilities = null;
    if (prepared.some((value) => value > 0)) {
      const input = new session.Tensor("float32", prepared, [1, prepared.length]);
      const outputs = await session.run({ [session.inputNames[0]]: input }, ["probabilities"]);
      probabilities = Array.from(outputs.probabilities.data);
    }
    last = { ink, prepared, probabilities };
    showPrepared(prepared);
    showProbabilities(probabilities);
  }

  /** Recognise what is drawn, and what comes to it meanwhile; the promise of the end of that. */
  function refresh() {
    isStale = true;
    running ??= (async () => {
      await ready;
      while (isStale) {
        isStale = false;
        await recognise();
      }
    })().finally(() => (running = null));
    return running;
  }

  function clear() {
    pen.clearRect(0, 0, paper.width, paper.height);
    return refresh();
  }

  function drawTo(event) {
    const scale = paper.width / paper.clientWidth;
    pen.lineTo(scale * (event.offsetX - paper.clientLeft), scale * (event.offsetY - paper.clientTop));
    pen.stroke();
    refresh().catch(report);
  }

  paper.addEventListener("pointerdown", (event) => {
    paper.setPointerCapture(event.pointerId);
    Object.assign(pen, { lineWidth: PEN_WIDTH, lineCap: "round", lineJoin: "round", strokeStyle: "white" });
    pen.beginPath();
    drawTo(event);
    drawTo(event); // a path of one point would leave no dot
  });
  paper.addEventListener("pointermove", (event) => {
    if (paper.hasPointerCapture(event.pointerId)) drawTo(event);
  });
  document.getElementById("clear").addEventListener("click", () => clear().catch(report));

  /** What a base64 text holds, unzipped. */
  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function load() {
    const { runtime, wasm, model } = SKDIGITS_BUNDLE;
    const url = URL.createObjectURL(new Blob([await unpack(runtime)], { type: "text/javascript" }));
    const ort = await import(url);
    // One thread: several need headers that only a server can send.
    Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: await unpack(wasm) });
    session = await ort.InferenceSession.create(await unpack(model), { executionProviders: ["wasm"] });
    session.Tensor = ort.Tensor;
  }

  function report(error) {
    statusLine.textContent = `This browser cannot run the network: ${error.message ?? error}`;
    throw error;
  }

  const ready = load();
  clear().catch(report);

  // For tests and for the curious: skdigitsDemo.settled().then(console.log)
  globalThis.skdigitsDemo = {
    clear,
    async settled() {
      await (running ?? ready);
      const { ink, prepared, probabilities } = last;
      return { ink: Array.from(ink), prepared: Array.from(prepared), probabilities };
    },
  };
})();
