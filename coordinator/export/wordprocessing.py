"""The reference document for docx: pandoc's own, with a book's page, paragraphs and page numbers. Pure."""

from __future__ import annotations

import io
import re
import zipfile

MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
FOOTER_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.footer+xml"
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
FOOTER = f"""<?xml version="1.0" encoding="UTF-8"?>
<w:ftr xmlns:w="{MAIN}"><w:p><w:pPr><w:jc w:val="center"/></w:pPr><w:r><w:fldChar w:fldCharType="begin"/></w:r>\
<w:r><w:instrText xml:space="preserve"> PAGE </w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>\
<w:r><w:t>2</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p></w:ftr>"""
SECTION = f"""<w:sectPr><w:footerReference xmlns:r="{RELATION}" w:type="default" r:id="rIdPage"/>\
<w:pgSz w:w="8391" w:h="11906"/>\
<w:pgMar w:top="1080" w:right="1080" w:bottom="1250" w:left="1080" w:header="600" w:footer="600" w:gutter="0"/>\
<w:titlePg/></w:sectPr>"""
"""A5, in twentieths of a point; the first page, that of the title, has no number."""
PARAGRAPH = """<w:pPr><w:widowControl/><w:spacing w:before="0" w:after="0" w:line="300" w:lineRule="auto"/>\
<w:ind w:firstLine="340"/><w:jc w:val="both"/></w:pPr>"""
NOT_INDENTED = '<w:pPr><w:ind w:firstLine="0"/></w:pPr>'
STYLES = """<w:style w:type="paragraph" w:customStyle="1" w:styleId="SceneBreak"><w:name w:val="Scene Break"/>\
<w:basedOn w:val="Normal"/><w:next w:val="FirstParagraph"/><w:qFormat/><w:pPr><w:keepNext/>\
<w:spacing w:before="300" w:after="300"/><w:jc w:val="center"/></w:pPr></w:style>\
<w:style w:type="paragraph" w:customStyle="1" w:styleId="Colophon"><w:name w:val="Colophon"/>\
<w:basedOn w:val="Normal"/><w:qFormat/><w:pPr><w:spacing w:before="4000"/><w:jc w:val="center"/></w:pPr>\
<w:rPr><w:sz w:val="17"/></w:rPr></w:style>"""
PAGE_BREAK = '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'
FONTS = '<w:rFonts w:ascii="Georgia" w:hAnsi="Georgia" w:eastAsia="SimSun" w:cs="Times New Roman"/>'


def reference(default: bytes) -> bytes:
    """The reference document made of pandoc's default one. Raises ValueError where that is another than known."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(default)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name).decode()
            for pattern, replacement in CHANGES.get(name, ()):
                text, count = re.subn(pattern, lambda _, to=replacement: to, text, count=1, flags=re.DOTALL)  # type: ignore[misc]
                if not count:
                    raise ValueError(f"pandoc's reference document has no {pattern} in {name}")
            # The same file every time.
            new.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
        new.writestr(zipfile.ZipInfo("word/pagenumber.xml"), FOOTER, zipfile.ZIP_DEFLATED)
    return made.getvalue()


_BODY = '(?<=<w:name w:val="Body Text" />).*?</w:pPr>'
_FIRST = '(?<=<w:name w:val="First Paragraph" />).*?</w:style>'
_HEAD = '<w:basedOn w:val="Normal" /><w:link w:val="BodyTextChar" /><w:qFormat />'
CHANGES = {
    "[Content_Types].xml": [
        ("</Types>", f'<Override PartName="/word/pagenumber.xml" ContentType="{FOOTER_TYPE}"/></Types>'),
    ],
    "word/_rels/document.xml.rels": [
        (
            "</Relationships>",
            f'<Relationship Type="{RELATION}/footer" Id="rIdPage" Target="pagenumber.xml"/></Relationships>',
        ),
    ],
    "word/document.xml": [("<w:sectPr>.*</w:sectPr>", SECTION)],
    "word/styles.xml": [
        (_BODY, _HEAD + PARAGRAPH),
        (_FIRST, f'<w:basedOn w:val="BodyText" /><w:next w:val="BodyText" /><w:qFormat />{NOT_INDENTED}</w:style>'),
        ("(?<=<w:rPrDefault>).*?<w:rFonts[^>]*/>", f"<w:rPr>{FONTS}"),
        ("</w:styles>", f"{STYLES}</w:styles>"),
    ],
}
"""In each file of the document: what is found by a pattern, and what comes in its place."""
