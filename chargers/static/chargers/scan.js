// Reads an identity from the code on a sticker, with what the browser brings along (BarcodeDetector).
// Where it brings nothing, the buttons stay hidden and the identity is typed.

const EVERY_MS = 250;

// A code holds the identity, or a URL that ends in it, or lines of which it is the first.
function identityOf(text) {
  const line = text.trim().split(/\s*[\r\n]+\s*/)[0];
  if (!/^[a-z]+:\/\//i.test(line)) return line;
  const parts = line.split(/[?#]/)[0].split("/").filter(Boolean);
  try {
    return decodeURIComponent(parts[parts.length - 1]);
  } catch {
    return parts[parts.length - 1];
  }
}

async function start(root) {
  const kinds = await BarcodeDetector.getSupportedFormats();
  if (!kinds.length) return;
  const detector = new BarcodeDetector({ formats: kinds });
  const field = document.getElementById(root.dataset.scan);
  const video = root.querySelector("video");
  const said = root.querySelector("[data-scan-said]");
  const stopper = root.querySelector("[data-scan-stop]");
  const camera = root.querySelector("[data-scan-camera]");
  let stream = null;

  async function read(source) {
    const [code] = await detector.detect(source);
    if (!code) return false;
    field.value = identityOf(code.rawValue);
    said.textContent = field.value;
    field.focus();
    return true;
  }

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.hidden = stopper.hidden = true;
  }

  async function watch() {
    if (!stream) return;
    if (video.readyState >= 2 && (await read(video))) return stop();
    setTimeout(watch, EVERY_MS);
  }

  camera.hidden = !navigator.mediaDevices;
  camera.addEventListener("click", async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      said.textContent = said.dataset.noCamera;
      return;
    }
    video.srcObject = stream;
    video.hidden = stopper.hidden = false;
    await video.play();
    watch();
  });
  stopper.addEventListener("click", stop);
  root.querySelector("[data-scan-photo]").addEventListener("change", async (event) => {
    const [photo] = event.target.files;
    if (photo && !(await read(await createImageBitmap(photo)))) said.textContent = said.dataset.nothing;
  });
  root.hidden = false;
}

if ("BarcodeDetector" in window) {
  for (const root of document.querySelectorAll("[data-scan]")) start(root);
}
