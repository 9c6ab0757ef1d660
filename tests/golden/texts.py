"""Texts of the reference vectors, written for this project."""

# Texts that encoders often fail on: almost empty, white space, invisible
# characters, scripts, markup, lengths around and far beyond a limit.
AWKWARD = [
    "a",
    ".",
    "red shoes",
    "Red  SHOES!",
    "  leading and trailing space \n",
    "tab\tand\nline\r\nends",
    "\u200b",
    "\ufffd\ufffd damaged \ufffd text",
    "Caf\u00e9 au lait, d\u00e9j\u00e0 vu, na\u00efve",
    "Cafe\u0301 written with a combining accent",
    "\U0001F45F\U0001F525 sneakers \U0001F468\u200d\U0001F469\u200d\U0001F467",
    "Stra\u00dfenschuhe Gr\u00f6\u00dfe 42",
    "\u8fd0\u52a8\u978b \u7ea2\u8272 42\u7801",
    "\u0628\u0646\u0637\u0627\u0644 \u062c\u064a\u0646\u0632 \u0623\u0632\u0631\u0642",
    "\u043a\u0440\u0430\u0441\u043d\u0430\u044f \u0441\u0443\u043c\u043a\u0430",
    "<p>Soft <b>cotton</b> shirt &amp; tie&nbsp;set</p><br/>",
    "[CLS] literal [SEP] special [MASK] tokens [PAD]",
    "https://shop.example/p?id=42&ref=a_b%20c",
    "$1,299.00 / 15.6\" / -40% / 3x2",
    "unbreakable" * 12,
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty twenty-one twenty-two",
    "The quick brown fox jumps over the lazy dog. " * 3,
    "word " * 700,
]

_JACKET = (
    "This waterproof shell was made for long days on the ridge. Three layers of recycled fabric "
    "keep rain and wind out while the lining carries moisture away from the skin. The hood fits "
    "over a helmet, the cuffs close with one hand, and two large pockets stay within reach when a "
    "rucksack is strapped on. Seams are taped, zips are coated, and the hem is cut longer at the "
    "back. Wash it at thirty degrees with a mild detergent and dry it low to bring the coating "
    "back to life. "
)
_BLENDER = (
    "A 1.5 litre glass jug, six steel blades and a motor of 1,200 watts turn frozen fruit, nuts "
    "and leafy greens into smooth drinks within a minute. Choose between two speeds or the pulse "
    "button, or let one of four programmes do the work. The base stands firmly on four rubber "
    "feet, the cable winds up underneath, and jug, lid and measuring cup go into the dishwasher. "
)

PRODUCTS = [
    "Mascara",
    "USB-C cable 2 m",
    "Cast iron skillet, 26 cm, pre-seasoned",
    "Women's merino wool running socks, 3 pairs, grey",
    "Carbon road bike helmet with MIPS, size M",
    "A4 copy paper 80 g/m2, 5 x 500 sheets",
    "The Lighthouse Keeper: A Novel (Paperback)",
    "Greatest Piano Works, 2 CD box",
    "Vitamin C serum 30 ml with hyaluronic acid, for all skin types",
    "27-inch 4K monitor, IPS, 144 Hz, HDMI 2.1, height adjustable",
    "Noise cancelling headphones, wireless, 40 h battery, foldable, black",
    "Kids' rain boots with dinosaur print, EU 28",
    "Yoga mat 183 x 61 cm, non-slip, 6 mm, with carrying strap",
    "Gel pens, assorted colours, pack of 12, 0.7 mm tip",
    "Blu-ray: The Long Winter, director's cut, 4K Ultra HD + digital copy",
    "Cookbook: 100 soups from around the world, hardcover, 256 pages",
    "Electric toothbrush with two brush heads and travel case",
    "Refurbished laptop 14\" i5 / 16 GB / 512 GB SSD / Windows",
    "Memory foam pillow, set of 2, washable cover, 60 x 40 cm",
    "Leather belt, brown, 110 cm, brass buckle",
    "Waterproof hiking jacket for men. " + _JACKET,
    "Countertop blender. " + _BLENDER,
    "Waterproof hiking jacket for women, long version. " + _JACKET * 3,
    "Blender and smoothie maker with accessories. " + _BLENDER * 5,
    "Chaussures de course pour femme, semelle amortissante, bleu marine, pointure 39",
    "Kaffeemaschine mit Mahlwerk, Edelstahl, 15 bar, abnehmbarer Wassertank 1,8 l",
    "Zapatillas de f\u00fatbol sala para ni\u00f1os, suela de goma, color rojo",
    "Borsa a tracolla in pelle, fatta a mano, con tasca interna e cerniera",
    "Krem do r\u0105k z mas\u0142em shea, 75 ml, bez parabenow",
    "Damesfiets 28 inch, 7 versnellingen, mat groen, met mand",
    "Bok om tr\u00e4dg\u00e5rdsarbete f\u00f6r nyb\u00f6rjare, inbunden",
    "\u0411\u0435\u0441\u043f\u0440\u043e\u0432\u043e\u0434\u043d\u0430\u044f \u043c\u044b\u0448\u044c \u0434\u043b\u044f \u043d\u043e\u0443\u0442\u0431\u0443\u043a\u0430, 2,4 \u0413\u0413\u0446",
    "\u30ef\u30a4\u30e4\u30ec\u30b9\u30a4\u30e4\u30db\u30f3 \u9632\u6c34 \u30de\u30a4\u30af\u4ed8\u304d",
    "\ubb34\uc120 \ud0a4\ubcf4\ub4dc \ube14\ub8e8\ud22c\uc2a4 \ud55c\uae00 \uac01\uc778",
    "<ul><li>100% organic cotton</li><li>machine washable</li></ul> Baby bodysuit, 3-pack",
    "PARTY DRESS!!! *** SALE *** 50% OFF >>> free shipping <<< sequins, sizes XS-XXL",
    "SKU 0004417-B / EAN 4006381333931 / qty 1",
    "item as described, see pictures, no returns",
    "Gift set: scented candle, bath salts and a paperback about slow living",
    "Bluetooth speaker shaped like a football, waterproof, for the beach and the pool",
]

ALL = AWKWARD + PRODUCTS

# One offer in ten languages.
LANGUAGES = [
    "A light tent for two people that stands in five minutes.",
    "Ein leichtes Zelt f\u00fcr zwei Personen, das in f\u00fcnf Minuten steht.",
    "Une tente l\u00e9g\u00e8re pour deux personnes, mont\u00e9e en cinq minutes.",
    "Una tienda ligera para dos personas que se monta en cinco minutos.",
    "Uma barraca leve para duas pessoas, montada em cinco minutos.",
    "\u041b\u0451\u0433\u043a\u0430\u044f \u043f\u0430\u043b\u0430\u0442\u043a\u0430 \u0434\u043b\u044f \u0434\u0432\u043e\u0438\u0445, \u043a\u043e\u0442\u043e\u0440\u0430\u044f \u0441\u0442\u0430\u0432\u0438\u0442\u0441\u044f \u0437\u0430 \u043f\u044f\u0442\u044c \u043c\u0438\u043d\u0443\u0442.",
    "\u4e94\u5206\u9418\u5c31\u80fd\u642d\u597d\u7684\u96d9\u4eba\u8f15\u4fbf\u5e33\u7bf7\u3002",
    "\uff15\u5206\u3067\u8a2d\u55b6\u3067\u304d\u308b\u4e8c\u4eba\u7528\u306e\u8efd\u91cf\u30c6\u30f3\u30c8\u3002",
    "\u062e\u064a\u0645\u0629 \u062e\u0641\u064a\u0641\u0629 \u0644\u0634\u062e\u0635\u064a\u0646 \u062a\u0646\u0635\u0628 \u0641\u064a \u062e\u0645\u0633 \u062f\u0642\u0627\u0626\u0642.",
    "\u0926\u094b \u0932\u094b\u0917\u094b\u0902 \u0915\u0947 \u0932\u093f\u090f \u0939\u0932\u094d\u0915\u093e \u0924\u0902\u092c\u0942, \u091c\u094b \u092a\u093e\u0901\u091a \u092e\u093f\u0928\u091f \u092e\u0947\u0902 \u0932\u0917\u0924\u093e \u0939\u0948\u0964",
]
