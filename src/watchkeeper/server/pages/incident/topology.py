"""Who calls whom, drawn from elements with text in them; the blamed component has a mark, a word and a thick edge."""

from collections.abc import Sequence

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from watchkeeper.server.pages.incident.pieces import cite, disclosure
from watchkeeper.server.pages.incident.view.topology import HEIGHT, WIDTH, Edge, Node, Topology
from watchkeeper.server.pages.incident.visit import Visit
from watchkeeper.server.pages.pieces import box, named, section, tell

WORSE = 8
"""Calls that got worse which are told in words beside the drawing."""


def draw(visit: Visit) -> None:
    """Nothing where no calls are known."""
    topology = visit.page.topology
    if not topology.nodes:
        return
    with section("Who calls whom", "topology"), box("wk-map-and-words"):
        _picture(topology)
        with box("wk-stack"):
            with box("wk-row wk-small wk-muted"):
                for text in ("▲ blamed", "● affected", "dashed: calls that got worse"):
                    tell(text, tag="span")
                cite(topology.evidence, visit.page.proof.known)
            worse = [edge for edge in topology.edges if edge.is_worse]
            _calls(worse[:WORSE])
            disclosure(visit, "calls", "all calls in words", lambda: _calls(topology.edges), "wk-small")
            if topology.note:
                tell(topology.note, "wk-small wk-muted")


def _calls(edges: Sequence[Edge]) -> None:
    with box("wk-dots wk-small", "ul"):
        for edge in edges:
            tell(edge.says, tag="li")


def _picture(topology: Topology) -> None:
    with _drawn("svg", "wk-map", viewBox=f"0 0 {topology.width} {topology.height}", role="img") as picture:
        named(picture, aria_label=topology.says)
        for edge in sorted(topology.edges, key=lambda edge: edge.is_worse):
            _edge(edge)
        for node in topology.nodes:
            _node(node)


def _edge(edge: Edge) -> None:
    with _drawn("path", f"wk-call{' wk-call-worse' if edge.is_worse else ''}", d=edge.path):
        TextElement(tag="title", text=edge.says)
    _drawn("path", f"wk-tip{' wk-tip-worse' if edge.is_worse else ''}", d=edge.tip)


def _node(node: Node) -> None:
    kind = " wk-node-blamed" if node.is_blamed else " wk-node-affected" if node.is_affected else ""
    with _drawn("g", f"wk-node{kind}", transform=f"translate({node.x} {node.y})"):
        TextElement(tag="title", text=f"{node.name}{f': {node.note}' if node.note else ''}")
        _drawn("rect", width=WIDTH, height=HEIGHT, rx=8)
        mark = "▲ " if node.is_blamed else "● " if node.is_affected else ""
        label = _text(node.label, WIDTH // 2, 19 if node.note else 27)
        label.classes("wk-node-name")
        if node.note:
            _text(f"{mark}{node.note}", WIDTH // 2, 34).classes("wk-node-note")


def _text(text: str, x: int, y: int) -> TextElement:
    made = TextElement(tag="text", text=text)
    made.props.update({"x": x, "y": y, "text-anchor": "middle"})
    return made


def _drawn(tag: str, css: str = "", **attributes: str | int) -> Element:
    made = box(css, tag)
    made.props.update(attributes)
    return made
