// Text is set as large as its slide allows: from 52 px, beside anything else from 40 px, down to 28 px.
Reveal.initialize({
  width: 1920, height: 1080, margin: 0, center: false, display: "flex", transition: "none", hash: true,
  controls: false, progress: true, slideNumber: "c/t", plugins: [RevealNotes],
}).then(() => {
  const page = document.documentElement.classList;
  const tooLarge = (box) => box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1;
  page.add("measured"); // all slides have a size only while they are shown
  for (const slide of document.querySelectorAll(".slides > section")) {
    const boxes = [...slide.querySelectorAll(".body, .text")];
    for (let size = slide.querySelector(".alone") ? 52 : 40; size >= 28; size--) {
      slide.style.setProperty("--size", size + "px");
      if (!boxes.some(tooLarge)) break;
    }
  }
  page.remove("measured");
  page.add("fitted");
});
