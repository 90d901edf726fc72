// The beginning: the frame around the views, and the look at whether there are newer data.
"use strict";

(async () => {
  const { h } = mtric;
  const order = ["now", "explorer", "zones", "months", "events"];
  document.getElementById("views").append(...order.map(name =>
    h("a", { href: `#/${name}`, "data-view": name }, mtric.views.get(name).title)));
  // A link to #main would be taken for the address of a view.
  document.getElementById("skip").addEventListener("click", e => {
    e.preventDefault();
    document.getElementById("main").focus();
  });

  function frame(index) {
    document.getElementById("site").textContent = mtric.visible(index.title || "Root server system") + (index.edition === "internal" ? " · internal" : "");
    const last = mtric.seconds(index.last), made = mtric.seconds(index.generated);
    const links = (index.links || []).filter(l => mtric.link(l.url));
    document.getElementById("foot").replaceChildren(h("div", {},
      h("p", {}, `All times are UTC. Data until ${last ? mtric.stamp(last) : "an unknown time"}; pages made ${made ? mtric.stamp(made) : "at an unknown time"} by mtric ${mtric.visible(index.version || "?")}.`),
      index.edition === "internal"
        ? h("p", {}, h("strong", {}, "Internal edition: "), "it has measured values of single root server identifiers, which are not for publication (RSSAC047).")
        : h("p", {}, "Public edition: values of single root server identifiers are withheld, as RSSAC047 asks."),
      h("p", {}, "Plan ", h("code", {}, mtric.visible(index.plan_sha256 || "unknown"))),
      links.length > 0 && h("p", { class: "links" }, links.map(l => h("a", { href: mtric.link(l.url), rel: "noreferrer" }, mtric.visible(l.text)))),
      index.feed && h("p", {}, h("a", { href: "feed.atom" }, "Feed of closed events"))));
    // Old data are no news: say so before anybody takes them for the present.
    const notice = document.getElementById("notice");
    const age = last ? Date.now() / 1000 - last : 0;
    notice.hidden = age < 45 * 60;
    notice.textContent = notice.hidden ? "" : `The newest data are ${mtric.length(age)} old, of ${mtric.stamp(last)}. What is shown is the state of then.`;
  }

  let known = "";
  try {
    const index = await mtric.load("index");
    known = index.generated;
    frame(index);
  } catch { /* go says it */ }
  window.addEventListener("hashchange", mtric.go);
  await mtric.go();

  // Every five minutes, while somebody looks: newer data show by themselves where one looks at
  // the present; elsewhere they wait for the next click, so that nothing moves under the hand.
  setInterval(async () => {
    if (document.hidden) return;
    mtric.forget();
    try {
      const index = await mtric.load("index");
      frame(index);
      if (index.generated !== known && mtric.route().view === "now") mtric.go();
      known = index.generated;
    } catch { /* the next view says it */ }
  }, 300000);
})();
