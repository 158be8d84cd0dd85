"""The words that captions are built from: numbers, colours, styles, backgrounds and relations in every language."""

NUMBERS = {
    "en": ("", "one", "two", "three", "four", "five", "six"),
    "zh": ("", "一", "两", "三", "四", "五", "六"),
    "de": ("", "ein", "zwei", "drei", "vier", "fünf", "sechs"),
}
COLOURS_ZH = {
    "red": "红色",
    "orange": "橙色",
    "yellow": "黄色",
    "green": "绿色",
    "blue": "蓝色",
    "purple": "紫色",
    "pink": "粉色",
    "brown": "棕色",
    "black": "黑色",
    "white": "白色",
    "gray": "灰色",
    "teal": "青色",
}
COLOURS_DE = {
    "red": "rot",
    "orange": "orangefarben",
    "yellow": "gelb",
    "green": "grün",
    "blue": "blau",
    "purple": "violett",
    "pink": "rosafarben",
    "brown": "braun",
    "black": "schwarz",
    "white": "weiß",
    "gray": "grau",
    "teal": "türkisfarben",
}
COLOURS_EMOJI = {
    "red": "🟥",
    "orange": "🟧",
    "yellow": "🟨",
    "green": "🟩",
    "blue": "🟦",
    "purple": "🟪",
    "pink": "🩷",
    "brown": "🟫",
    "black": "⬛",
    "white": "⬜",
    "gray": "🩶",
    "teal": "🩵",
}
STYLES = {
    "3d": {
        "en": ("3d render", "glossy 3d icon", "3d illustration"),
        "zh": ("3d渲染风格", "立体风格"),
        "de": ("3d-darstellung", "3d-rendering"),
    },
    "flat": {
        "en": ("flat vector illustration", "flat design icon", "flat style picture"),
        "zh": ("扁平矢量风格", "扁平风格"),
        "de": ("flache vektorgrafik", "flat design"),
    },
    "cartoon": {
        "en": ("cartoon illustration", "soft shaded cartoon", "clip art picture", "cartoon"),
        "zh": ("卡通风格", "卡通插画"),
        "de": ("cartoon", "comic-zeichnung"),
    },
    "blob": {
        "en": ("simple blob-style emoji", "retro blob style emoji"),
        "zh": ("复古圆润风格",),
        "de": ("runder retro-stil",),
    },
    "outline": {
        "en": ("cute outlined cartoon", "line-and-color doodle"),
        "zh": ("可爱描边风格",),
        "de": ("niedliche umrisszeichnung",),
    },
    "lineicon": {
        "en": ("black line icon", "monochrome glyph", "line art icon"),
        "zh": ("黑白线条图标",),
        "de": ("schwarzes liniensymbol",),
    },
    "icon": {"en": ("icon", "vector icon", "app icon"), "zh": ("图标",), "de": ("symbol", "icon")},
    "pixel": {
        "en": ("pixel art", "8-bit pixel art picture"),
        "zh": ("像素风格", "像素画"),
        "de": ("pixelgrafik", "pixel-art"),
    },
    "sticker": {
        "en": ("sticker with a white border", "die-cut sticker"),
        "zh": ("贴纸风格", "贴纸"),
        "de": ("aufkleber mit weißem rand", "sticker"),
    },
    "silhouette": {
        "en": ("silhouette", "solid black silhouette"),
        "zh": ("剪影",),
        "de": ("silhouette", "schattenriss"),
    },
    "blueprint": {"en": ("blueprint", "white line drawing on blue paper"), "zh": ("蓝图风格",), "de": ("blaupause",)},
    "sketch": {"en": ("pencil sketch", "pencil drawing"), "zh": ("铅笔素描",), "de": ("bleistiftzeichnung",)},
}
SCENERY = {
    "grid": ("on graph paper", "方格纸背景", "auf kariertem papier"),
    "meadow": ("on a green meadow", "草地上", "auf einer grünen wiese"),
    "beach": ("on a sandy beach", "沙滩上", "am sandstrand"),
    "snow": ("in the snow", "雪地里", "im schnee"),
    "night": ("under a starry night sky", "星空下", "unter dem sternenhimmel"),
    "sky": ("in front of a blue sky with clouds", "蓝天白云下", "vor blauem himmel mit wolken"),
}
PATTERNS = {
    "plain": ("{} background", "{}背景", "{}em hintergrund"),
    "gradient": ("{} gradient background", "{}渐变背景", "{}em farbverlauf"),
    "stripes": ("{} striped background", "{}条纹背景", "{}em streifenhintergrund"),
    "dots": ("{} polka dot background", "{}波点背景", "{} gepunktetem hintergrund"),
}
RELATIONS_EN = {
    "left": ("to the left of", "to the left of", "left of", "on the left of"),
    "right": ("to the right of", "to the right of", "right of", "on the right of"),
    "above": ("above", "over", "on top of"),
    "below": ("below", "under", "underneath"),
}
RELATIONS_ZH = {
    "left": ("左边", "左侧"),
    "right": ("右边", "右侧"),
    "above": ("上方", "上面"),
    "below": ("下方", "下面"),
}
RELATIONS_DE = {
    "left": ("links von",),
    "right": ("rechts von",),
    "above": ("über", "oberhalb von"),
    "below": ("unter", "unterhalb von"),
}
SIDES = {
    "row": {"en": ("on the left", "on the right"), "zh": ("左边", "右边"), "de": ("links", "rechts")},
    "column": {"en": ("at the top", "at the bottom"), "zh": ("上面", "下面"), "de": ("oben", "unten")},
}
PREFIXES = {
    "en": ("", "", "", "", "a picture of ", "an illustration of ", "an image of ", "a drawing of "),
    "zh": ("", "", "", "", "一张图片：", "插画："),
    "de": ("", "", "", "", "ein bild: ", "illustration: "),
}
AFTER_OF = (
    "pair of ",
    "pairs of ",
    "cup of ",
    "cups of ",
    "glass of ",
    "glasses of ",
    "bowl of ",
    "bowls of ",
    "stack of ",
    "box of ",
    "boxes of ",
    "ball of ",
    "balls of ",
)
GERMAN_ARTICLES = {"m": "ein", "f": "eine", "n": "ein"}
GERMAN_ENDINGS = {"m": "er", "f": "e", "n": "es"}
