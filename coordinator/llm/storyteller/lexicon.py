"""Word lists by which a prompt is read: what can't be a noun, what is a person, a place, an animal, an idea."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DETERMINERS = _words(
    "a an the my our your his her its their this that these those every each some any no one two three four five six "
    "seven eight nine ten another both"
)

STOP = DETERMINERS | _words(
    "and or but nor so yet of in on at to from for with without by about across over under into onto off up down out "
    "through between among before after behind beside beyond near against around along past since until till than as "
    "if when while where who whom whose which what why how whether because although though that there here then now "
    "tonight today tomorrow yesterday always never ever still just only even also too very more most less least again "
    "back away once twice not nobody nothing none someone somebody something anyone anybody anything everyone "
    "everybody everything i me you he him she it we us they them myself himself herself itself themselves ourselves "
    "mine yours hers ours theirs all many much few several such own same other others else late soon later ago "
    "longer instead perhaps maybe really quite rather almost allowed able supposed per via like unlike please "
    "humanity mankind humankind it's i'd i'm don't doesn't isn't can't won't didn't himself upon toward towards within"
)

VERBS = _words(
    "is are was were be been being am has have had having do does did done doing can could will would shall should may "
    "might must find finds found keep keeps kept count counts counted inherit inherits inherited leave leaves left "
    "carry carries carried vote votes voted ask asks asked get gets got go goes went gone come comes came see sees saw "
    "seen say says said tell tells told write writes wrote written make makes made take takes took taken give gives "
    "gave given know knows knew known want wants wanted need needs needed live lives lived die dies died lose loses "
    "lost win wins won meet meets met run runs ran repair repairs repaired draw draws drew drawn drown drowns bake "
    "bakes baked talk talks talked speak speaks spoke spoken hear hears heard feel feels felt think thinks thought "
    "believe believes went wants remember remembers"
    " forget forgets forgot forgotten begin begins began start starts started stop "
    "stops stopped turn turns turned return returns returned exist exists existed happen happens happened become "
    "becomes became discover discovers discovered learn learns learned realize realizes realise realises open opens "
    "opened close closes bring brings brought send sends sent receive receives received buy buys bought sell sells "
    "sold steal steals stole stolen hide hides hid hidden wait waits waited follow follows followed fall falls fell "
    "fallen break breaks broke broken build builds built hold holds held set sets sit sits sat stand stands stood "
    "sleep sleeps slept wake wakes woke walk walks walked arrive arrives arrived decide decides decided try tries "
    "tried save saves saved kill kills killed love loves loved hate hates hated read reads show shows showed mention "
    "include includes describe use uses used let lets work works worked grow grows grew die appear appears appeared "
    "disappear disappears disappeared vanish vanishes vanished belong belongs believe seem seems seemed look looks "
    "looked play plays played cook cooks cooked sing sings sang answer answers answered invite invites invited solve "
    "solves solved put puts explain explains signal signals serve serves served refuse refuses refused teach teaches "
    "taught file files filed fly flies flew travel travels escape escapes escaped change changes changed move"
)

CHATTER = _words(
    "story stories tale tales novel novella fiction report prompt prompts instruction instructions page pages word "
    "words paragraph paragraphs chapter chapters scene scenes section sections sentence sentences ending beginning "
    "dialogue dialog passage draft detail details reader readers writer tone style plot character characters moment "
    "moments thing things way ways kind kinds sort lot bit place places time times day days night nights year years "
    "hour hours week weeks month months minute minutes morning evening afternoon today life lives end part parts "
    "number numbers example system table tables stuff people person slow quiet funny short long humour humor air "
    "anomaly scp scp-like drop select insert delete script alert language english style format line lines title idea "
    "theme self hint touch mention image images rhythm opening turn pace pacing verb verbs noun nouns quote voice"
)
"""Nouns that speak of the text or of time, not of anything in the story."""

ATTRIBUTES = _words("night day morning evening table year long end side place")
"""Words of CHATTER that may stand before a noun (`night guard`)."""

NOUNS_IN_ING = _words(
    "painting building ceiling evening morning clothing wedding earring railing awning lightning bedding "
    "icing stuffing carving drawing recording pudding herring starling wing ring string spring king sibling duckling "
    "seed weed breed hundred"
)

LOOSE = _words("last first next new old whole certain little strange tonight's smallest biggest best worst only")
"""Adjectives that may be dropped where a phrase is named again."""

ABSTRACT = _words(
    "debt lie lies flood winter summer autumn spring blackout wedding mistake help vote votes generation generations "
    "war love death peace grief hope memory memories truth secret secrets dream dreams silence storm rain snow drought "
    "marriage divorce funeral crime murder loss revenge betrayal friendship loneliness justice freedom magic music "
    "law rule rules promise joy fear anger guilt luck fate future past history weather trial betrayals species "
    "language game party strike famine fire accident journey season birthday holiday apocalypse invasion plague "
    "north south east west morality identity time-travel adventure mystery romance science technology moves move"
)

ANIMALS = _words(
    "cat dog fox wolf bear bird crow raven owl horse donkey goat sheep hare rabbit mouse rat dragon fish whale dolphin "
    "bee bees snake frog toad hen goose duck pigeon swan spider cow pig lion tiger elephant monkey hedgehog badger "
    "otter seal deer stag moth octopus turtle unicorn cats dogs wolves crows ravens kitten puppy tortoise parrot"
)

PLACES = _words(
    "lighthouse museum bakery city village town station office ship north island harbour harbor forest house hotel "
    "library school hospital church castle tower farm mill inn tavern bar diner prison theatre theater factory "
    "mountain valley desert sea ocean lake moon planet colony spaceship cave garden market bridge street room cellar "
    "attic cabin laboratory lab observatory monastery palace kingdom temple cemetery graveyard motel apartment "
    "building shop restaurant cafe café port railway airport park beach coast swamp outpost base kitchen bookshop "
    "bookstore archive courthouse warehouse basement greenhouse orchard vineyard"
)

KIN = {
    "grandmother": "elder", "grandfather": "elder", "mother": "elder", "father": "elder", "uncle": "elder",
    "aunt": "elder", "grandma": "elder", "grandpa": "elder", "ancestor": "elder", "predecessor": "elder",
    "sister": "ally", "sisters": "ally", "brother": "ally", "brothers": "ally", "wife": "ally", "husband": "ally",
    "friend": "ally", "friends": "ally", "partner": "ally", "twin": "ally", "twins": "ally",
    "colleague": "ally", "colleagues": "ally", "cousin": "ally",
    "daughter": "witness", "son": "witness", "child": "witness", "children": "witness", "girl": "witness",
    "boy": "witness", "apprentice": "witness", "opponent": "rival", "rival": "rival", "enemy": "rival",
}  # fmt: skip
"""Person nouns that say which part in the cast they take."""

PEOPLE = frozenset(KIN) | _words(
    "keeper eye guard detective captain pilot king queen prince princess knight witch wizard thief spy soldier nurse "
    "monk nun priest judge cook chef clerk smith locksmith blacksmith tailor doctor surgeon astronaut robot android "
    "family man woman mayor widow widower postman mailman fisherman ghost giant cartographer beekeeper translator "
    "colleague agent student orphan hermit shepherd sheriff poet artist novelist bride groom guest neighbour neighbor "
    "stranger officer mechanic plumber janitor gravedigger undertaker watchmaker clockmaker conductor ferryman nanny "
    "housekeeper troll goblin fairy elf mermaid vampire werewolf zombie alien monster pirate sailor engineer builder"
)

NOT_PEOPLE = _words(
    "winter summer letter river paper number water tower power flower summer dinner supper border order corner cover "
    "counter finger shoulder feather leather weather ladder lantern error mirror floor door motor elevator radiator "
    "generator refrigerator computer cellar hammer father's folder drawer daughter's thunder timber silver copper "
    "amber powder chamber cinema calculator escalator tractor reactor sensor color colour odor razor anchor harbor "
    "tumor rumor doctor's buffer poster answer newspaper wallpaper typewriter printer sweater spider tiger otter "
    "planter container boiler steamer filter register transmitter computer scanner helicopter character matter "
    "butter sugar pepper ginger october november december september lighter trailer freezer mother's cider quarter "
    "center theater disaster plaster roster monster cluster lobster hamster "
    "inventor's list twist mist fist wrist chapter river's mirror's vector tractor's thriller "
    "human caravan ocean man-made orphanage station librarian's cleaner's underwater laser ruler oyster"
)

FEMALE_NOUNS = _words(
    "grandmother mother aunt sister sisters wife widow queen princess witch nun daughter girl bride woman grandma "
    "mermaid nanny godmother heroine empress actress"
)
MALE_NOUNS = _words(
    "grandfather father uncle brother brothers husband widower king prince wizard monk priest son boy groom man "
    "grandpa postman mailman fisherman ferryman emperor knight"
)

FEMALE_NAMES = _words(
    "ines marisol yusra tamsin lena amara ilse anna maria mary sarah emma olivia sofia sophie clara eva eve alice "
    "elena nora mia zoe lily rose ruth grace jane julia kate katherine elizabeth margaret helen susan linda fatima "
    "aisha leila layla mei yuki sakura priya ananya ingrid astrid freya greta hannah chloe camille amelie claire "
    "marie louise charlotte isabel isabella carmen lucia rosa teresa olga natasha irina svetlana ada agnes beatrice "
    "josephine maya naomi rachel rebecca miriam esther judith yara zainab nadia samira 林小雨 小雨 小红 mara marta"
)
MALE_NAMES = _words(
    "dov pim osei étienne etienne john james david michael robert william thomas george henry jack tom sam max leo "
    "paul peter pedro juan carlos jose luis miguel diego marco luca matteo giovanni hans karl otto fritz lars erik "
    "olaf sven ivan boris dmitri sergei ahmed omar ali hassan yusuf ibrahim raj arjun kenji hiro takeshi wei jun "
    "pierre jean jacques louis antoine francois andré andre simon daniel samuel joseph adam noah elias felix oscar "
    "victor hugo martin walter arthur edgar frank harry charles edward kwame kofi tunde emeka 小明"
)

FOREIGN_MARKS = _words(
    "un une le la les des du et qui que dans pour avec sur chaque sa ses est une vieux vieil el los las del y que con "
    "por para una su sus es der die das und ein eine mit von auf ist nicht dem den im zu il lo gli di che per con una "
    "o os um uma não com por para het een van en de met op"
)

GLOSS = {
    "horloger": "watchmaker", "montre": "watch", "lettre": "letter", "maison": "house", "mer": "sea", "chat": "cat",
    "chien": "dog", "forêt": "forest", "clé": "key", "clef": "key", "facteur": "letter carrier", "roi": "king",
    "reine": "queen", "phare": "lighthouse", "livre": "book", "pluie": "rain", "neige": "snow", "train": "train",
    "boulanger": "baker", "jardin": "garden", "miroir": "mirror", "horloge": "clock", "village": "village",
    "sorcière": "witch", "enfant": "child", "pêcheur": "fisherman", "poisson": "fish", "île": "island",
    "carta": "letter", "casa": "house", "mar": "sea", "gato": "cat", "perro": "dog", "bosque": "forest",
    "llave": "key", "cartero": "letter carrier",
    "reloj": "clock", "libro": "book", "faro": "lighthouse", "lluvia": "rain",
    "pescador": "fisherman", "pueblo": "village", "espejo": "mirror", "niña": "girl", "niño": "boy",
    "brief": "letter", "haus": "house", "meer": "sea", "katze": "cat", "hund": "dog", "wald": "forest",
    "schlüssel": "key", "uhr": "clock", "buch": "book", "leuchtturm": "lighthouse", "uhrmacher": "watchmaker",
    "bäcker": "baker", "dorf": "village", "spiegel": "mirror", "kind": "child", "könig": "king", "zug": "train",
    "邮递员": "letter carrier",
    "邮戳": "postmark", "信": "letter", "猫": "cat", "狗": "dog", "海": "sea", "钥匙": "key",
    "灯塔": "lighthouse", "钟": "clock", "书": "book", "雨": "rain", "雪": "snow", "森林": "forest", "老人": "old man",
    "孩子": "child", "村": "village", "火车": "train", "鱼": "fish", "镜子": "mirror", "房子": "house", "桥": "bridge",
    "手紙": "letter", "時計": "clock", "鍵": "key", "灯台": "lighthouse", "本": "book", "森": "forest",
    "صياد": "fisherman", "مفتاح": "key", "سمكة": "fish", "بحر": "sea", "بيت": "house", "رسالة": "letter",
    "قطة": "cat", "كلب": "dog", "ساعة": "clock", "كتاب": "book", "ملك": "king", "قرية": "village", "مدينة": "city",
    "письмо": "letter", "дом": "house", "море": "sea", "ключ": "key", "часы": "clock", "книга": "book",
    "лес": "forest", "кошка": "cat", "собака": "dog", "рыба": "fish", "маяк": "lighthouse", "поезд": "train",
}  # fmt: skip
"""A few story words of other languages, so that a prompt in one of them gets a story about the right things."""

TRADE_THINGS = {
    "locksmith": "lock", "baker": "oven", "beekeeper": "hive", "translator": "dictionary", "watchmaker": "watch",
    "clockmaker": "clock", "fisherman": "net", "postman": "letter", "mailman": "letter", "cartographer": "map",
    "tailor": "coat", "cook": "recipe", "chef": "recipe", "librarian": "book", "painter": "portrait",
    "pilot": "compass",
    "gardener": "gate", "gravedigger": "spade", "pianist": "piano", "astronaut": "helmet", "thief": "lockpick",
    "carpenter": "door", "plumber": "valve", "witch": "cauldron", "king": "crown", "queen": "crown", "knight": "sword",
    "detective": "photograph", "nurse": "thermometer", "doctor": "needle", "blacksmith": "anvil", "tuner": "piano",
}  # fmt: skip
"""What a story turns on where its prompt names a trade and nothing else."""
