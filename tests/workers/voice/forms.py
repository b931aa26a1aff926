"""Forty ways in which numbers and abbreviations are written: how each is said, and how it would be misread."""

FORMS = {
    "It costs $5.50.": ("It costs five dollars and fifty cents.", "it costs dollar five point five zero"),
    "We raised $1.2 million.": ("We raised one point two million dollars.", "we raised dollar one two million"),
    "She paid £3.20 for tea.": ("She paid three pounds and twenty pence for tea.", "she paid three point two for tea"),
    "It was €10 or 99¢.": ("It was ten euros or ninety-nine cents.", "it was ten or ninety nine"),
    "He owes $5k.": ("He owes five thousand dollars.", "he owes five dollars k"),
    "On June 3, 2024, we left.": (
        "On June third, twenty twenty-four, we left.",
        "on june three two thousand and twenty four we left",
    ),
    "The date is 2024-06-03.": (
        "The date is June third, twenty twenty-four.",
        "the date is two thousand twenty four six three",
    ),
    "We met on 12/25/1999.": (
        "We met on December twenty-fifth, nineteen ninety-nine.",
        "we met on twelve slash twenty five slash one thousand nine hundred ninety nine",
    ),
    "The 3rd of May was cold.": ("the third of May was cold.", "the three of may was cold"),
    "Call me on Jan. 5.": ("Call me on January fifth.", "call me on jan five"),
    "The train leaves at 7:30 pm.": ("The train leaves at seven thirty P M.", "the train leaves at seven to thirty"),
    "We eat at 12:00.": ("We eat at twelve o'clock.", "we eat at twelve zero zero"),
    "The show is at 9:05.": ("The show is at nine oh five.", "the show is at nine five"),
    "Doors open at 7 a.m. today.": ("Doors open at seven A M today.", "doors open at seven today"),
    "In 1905 they were poor.": (
        "In nineteen oh five they were poor.",
        "in one thousand nine hundred five they were poor",
    ),
    "He was born in 2001.": ("He was born in two thousand one.", "he was born in twenty oh one"),
    "The music of the 1990s is back.": (
        "The music of the nineteen nineties is back.",
        "the music of the one thousand nine hundred ninety seconds is back",
    ),
    "About 20% of them agree.": ("About twenty percent of them agree.", "about twenty of them agree"),
    "There were 1,234 people.": (
        "There were one thousand two hundred thirty-four people.",
        "there were one two three four people",
    ),
    "Only 2,000,000 copies exist.": (
        "Only two million copies exist.",
        "only two zero zero zero zero zero zero copies exist",
    ),
    "The value is 3.14.": ("The value is three point one four.", "the value is three fourteen"),
    "It was -5 °C outside.": ("It was minus five degrees Celsius outside.", "it was five outside"),
    "Run 5 km every day.": ("Run five kilometers every day.", "run five every day"),
    "We drove at 60 mph.": ("We drove at sixty miles per hour.", "we drove at sixty m p h"),
    "It weighs 1 kg.": ("It weighs one kilogram.", "it weighs one k g"),
    "The board is 6 ft long.": ("The board is six feet long.", "the board is six f t long"),
    "Add 1/2 of the water.": ("Add one half of the water.", "add one two of the water"),
    "Wait 2 1/2 hours.": ("Wait two and a half hours.", "wait two one two hours"),
    "She was 1st and he was 22nd.": (
        "She was first and he was twenty-second.",
        "she was one and he was twenty two",
    ),
    "See pages 10–15.": ("See pages ten to fifteen.", "see pages ten fifteen"),
    "Open box no. 7.": ("Open box number seven.", "open box no seven"),
    "We are #1 today.": ("We are number one today.", "we are one today"),
    "Call 555-0199 now.": (
        "Call five five five, zero one nine nine now.",
        "call five hundred fifty five one hundred ninety nine now",
    ),
    "The film is in 4K.": ("The film is in four K.", "the film is in four thousand"),
    "It runs at 24 fps.": ("It runs at twenty-four frames per second.", "it runs at twenty four f p s"),
    "The ratio is 16:9.": ("The ratio is sixteen to nine.", "the ratio is sixteen nine"),
    "Dr. Smith met Mrs. Jones.": ("Doctor Smith met Missis Jones.", "drive smith met m r s jones"),
    "Bring fruit, e.g. apples.": ("Bring fruit, for example apples.", "bring fruit e g apples"),
    "King Henry VIII had six wives.": (
        "King Henry the eighth had six wives.",
        "king henry v i i i had six wives",
    ),
    "Cats & dogs vs. birds.": ("Cats and dogs versus birds.", "cats dogs v s birds"),
}
