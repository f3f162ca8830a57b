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
    "mine yours hers ours theirs all many much few several such own same other others else late soon later ago longer "
    "instead perhaps maybe really quite rather almost allowed able supposed per via like unlike please humanity "
    "mankind humankind it's i'd i'm don't doesn't isn't can't won't didn't himself upon toward towards within"
)

VERBS = _words(
    "is are was were be been being am has have had having do does did done doing can could will would shall should "
    "may might must find finds found keep keeps kept count counts counted inherit inherits inherited leave leaves "
    "left carry carries carried vote votes voted ask asks asked get gets got go goes went gone come comes came see "
    "sees saw seen say says said tell tells told write writes wrote written make makes made take takes took taken "
    "give gives gave given know knows knew known want wants wanted need needs needed live lives lived die dies died "
    "lose loses lost win wins won meet meets met run runs ran repair repairs repaired draw draws drew drawn drown "
    "drowns bake bakes baked talk talks talked speak speaks spoke spoken hear hears heard feel feels felt think "
    "thinks thought believe believes went wants remember remembers forget forgets forgot forgotten begin begins began "
    "start starts started stop stops stopped turn turns turned return returns returned exist exists existed happen "
    "happens happened become becomes became discover discovers discovered learn learns learned realize realizes "
    "realise realises open opens opened close closes bring brings brought send sends sent receive receives received "
    "buy buys bought sell sells sold steal steals stole stolen hide hides hid hidden wait waits waited follow follows "
    "followed fall falls fell fallen break breaks broke broken build builds built hold holds held set sets sit sits "
    "sat stand stands stood sleep sleeps slept wake wakes woke walk walks walked arrive arrives arrived decide "
    "decides decided try tries tried save saves saved kill kills killed love loves loved hate hates hated read reads "
    "show shows showed mention include includes describe use uses used let lets work works worked grow grows grew die "
    "appear appears appeared disappear disappears disappeared vanish vanishes vanished belong belongs believe seem "
    "seems seemed look looks looked play plays played cook cooks cooked sing sings sang answer answers answered "
    "invite invites invited solve solves solved put puts explain explains signal signals serve serves served refuse "
    "refuses refused teach teaches taught file files filed fly flies flew travel travels escape escapes escaped "
    "change changes changed move"
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

OF_TEXT = CHATTER - _words(
    "table tables voice page pages line lines name number numbers title image images detail rhythm touch lives life "
    "scene table script alert"
)
"""Those that speak of the text even where an article stands before them, in a prompt: `one page` may be a page."""

ATTRIBUTES = _words("night day morning evening table year long end side place")
"""Words of CHATTER that may stand before a noun (`night guard`)."""

NOTE_WORDS = _words(
    "action adjectives adverbs advice approve arc atmosphere beat beats better budget character claim clarity close "
    "closing concrete conflict depth description descriptions different drama ear emotion exchange eye fit hold line "
    "logic moment mood nerve note notes object objects opening originality outline pacing passage passages plot "
    "problem problems prompt prose quote quotes repeat repetition rhythm score sense senses sensory setting shape "
    "sharpen show sight smell snappier sound stake stakes strength strengths summary suspense talk tension thread "
    "title touch variety version violence vivid weakest"
)
"""Nouns of criticism: a note that uses them asks for no such thing to appear in the story."""

ORDERS = _words(
    "use make switch change prefer feel feels else need needs want keep tell write setting point name description"
)
"""What notes order with, where it is taken for a noun."""

NOUNS_IN_ING = _words(
    "painting opening building ceiling evening morning clothing wedding earring railing awning lightning bedding "
    "icing stuffing carving drawing recording pudding herring starling wing ring string spring king sibling duckling "
    "seed weed breed hundred"
)

LOOSE = _words("last first next new old whole certain little strange tonight's smallest biggest best worst only")
"""Adjectives that may be dropped where a phrase is named again."""

ABSTRACT = _words(
    "debt lie lies flood winter summer autumn spring blackout wedding mistake help vote votes generation generations "
    "war love death peace grief hope memory memories truth secret secrets dream dreams silence storm rain snow "
    "drought marriage divorce funeral crime murder loss revenge betrayal friendship loneliness justice freedom magic "
    "music law rule rules promise joy fear anger guilt luck fate future past history weather trial betrayals species "
    "language game party strike famine fire accident journey season birthday holiday apocalypse invasion plague north "
    "south east west morality identity time-travel adventure mystery romance science technology moves move tune "
    "melody birth job jobs name names"
)

GROUPS = _words(
    "choir crew crowd audience jury team orchestra congregation army police public committee council parliament class "
    "couple tribe clan gang mob regiment staff family people folk humanity mankind dead living poor rich blind deaf"
)
"""Nouns of many people at once, who get no part in a cast."""

BARE = _words(
    "hope love hate death life grief revenge forgiveness justice loneliness silence jealousy envy pride shame guilt "
    "fear anger courage freedom fate luck hunger sleep magic music loss regret mercy faith faithfulness trust "
    "friendship betrayal peace war time memory truth beauty greed kindness sorrow joy happiness sadness madness "
    "winter summer autumn spring thunder dust distance absence solitude boredom obedience patience forgetting "
    "redemption obsession ambition nostalgia home"
)
"""Nouns that have no article where nothing else stands before them."""

TRADE_ENDINGS = tuple(
    _words(
        "keeper maker ician arian man woman eer ographer ologist monger wright smith herd tenant iatrist ournalist "
        "oloist ianist olinist artist dentist botanist chemist florist scientist tourist typist therapist organist "
        "pianist"
    )
)
DEVICE_ENDINGS = tuple(_words("ator ctor meter corder ainer plough aper ewer opper etter atter utter other"))
"""What in -er and -or is seldom somebody."""

NOT_TRADES = _words(
    "man woman girl boy child stranger widow widower orphan person lady gentleman daughter son sister brother mother "
    "father wife husband twin baby teenager lad lass youngster guest visitor passenger lodger tenant neighbour "
    "neighbor villager islander friend lover bride groom grandmother grandfather aunt uncle cousin niece nephew "
    "survivor liar fool coward ghost bachelor spinster loner heir heiress adult elder old giant victim witness "
    "suspect owner traveller traveler"
)
"""What somebody is without having learned it: no work to be introduced by."""

ANIMALS = _words(
    "cat dog fox wolf bear bird crow raven owl horse donkey goat sheep hare rabbit mouse rat dragon fish whale "
    "dolphin bee bees snake frog toad hen goose duck pigeon swan spider cow pig lion tiger elephant monkey hedgehog "
    "badger otter seal deer stag moth octopus turtle unicorn cats dogs wolves crows ravens kitten puppy tortoise "
    "parrot"
)

PLACES = _words(
    "lighthouse museum bakery city village town station office ship north island harbour harbor forest house hotel "
    "library school hospital church castle tower farm mill inn tavern bar diner prison theatre theater factory "
    "mountain valley desert sea ocean lake moon planet colony spaceship cave garden market bridge street room cellar "
    "attic cabin laboratory lab observatory monastery palace kingdom temple cemetery graveyard motel apartment "
    "building shop restaurant cafe café port railway airport park beach coast swamp outpost base kitchen bookshop "
    "bookstore archive courthouse warehouse basement greenhouse orchard vineyard pier dock jetty quay bay cove cliff "
    "hill abbey chapel cathedral convent cottage mansion manor villa hut tent barn stable field meadow marsh moor "
    "canyon quarry mine tunnel metro subway station platform square avenue alley suburb province country continent "
    "planetarium aquarium zoo circus fairground arena stadium gym pawnshop bank clinic asylum orphanage nursery "
    "classroom university college academy embassy barracks fort fortress bunker battlefield camp cafeteria canteen "
    "ballroom balcony terrace rooftop loft hallway corridor lobby dungeon crypt catacombs mausoleum lagoon reef "
    "glacier tundra jungle rainforest oasis creek pond river shore seaside riverbank laundromat hairdresser's casino "
    "nightclub pub saloon brewery bathhouse"
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
    "choirboy monk nun priest judge cook chef clerk smith locksmith blacksmith tailor doctor surgeon astronaut "
    "robot android "
    "family man woman mayor widow widower postman mailman fisherman ghost giant cartographer beekeeper translator "
    "colleague agent student orphan hermit shepherd sheriff poet artist novelist bride groom guest neighbour neighbor "
    "stranger officer mechanic plumber janitor gravedigger undertaker watchmaker clockmaker conductor ferryman nanny "
    "housekeeper troll goblin fairy elf mermaid vampire werewolf zombie alien monster pirate sailor engineer builder "
    "lawyer solicitor barrister baker butcher brewer miller diver ringer boxer wrestler runner rider dancer singer "
    "actor actress player master mistress landlord landlady vicar bishop cardinal pope abbot abbess rabbi imam "
    "chaplain deacon countess count duke duchess baron baroness emperor empress lord lady squire courtier jester "
    "minister senator president governor ambassador diplomat councillor official bureaucrat secretary typist "
    "accountant auditor banker broker dealer trader vendor seller merchant peddler pedlar shopkeeper grocer florist "
    "barber hairdresser jeweller weaver potter painter sculptor writer author editor publisher printer journalist "
    "reporter photographer critic composer musician drummer fiddler violinist cellist pianist organist trumpeter "
    "tuner teacher tutor coach trainer professor scholar pupil classmate headmaster principal scientist chemist "
    "physicist botanist astronomer geologist inventor architect mason carpenter joiner roofer painter plasterer "
    "electrician welder miner digger driver cabbie trucker courier messenger porter bellboy bellhop waiter waitress "
    "barman barmaid bartender innkeeper host hostess maid butler gardener groundskeeper farmer farmhand rancher "
    "cowboy hunter trapper poacher ranger forester woodcutter logger lumberjack skipper admiral colonel major general "
    "sergeant lieutenant corporal private veteran deserter rebel traitor gangster burglar robber smuggler forger "
    "swindler crook convict prisoner inmate jailer warden executioner hangman bailiff juror witness victim suspect "
    "culprit murderer killer assassin champion heckler bully coward hero heroine villain fool prophet oracle saint "
    "sinner pilgrim wanderer traveller traveler passenger tourist migrant refugee exile immigrant settler colonist "
    "explorer navigator steward stewardess flight-attendant dentist vet pharmacist midwife surgeon psychiatrist "
    "therapist patient orderly undertaker mortician embalmer mourner beggar busker tramp magician conjurer "
    "illusionist clown acrobat juggler ventriloquist fortune-teller medium psychic sorcerer sorceress enchantress "
    "necromancer alchemist programmer hacker coder developer operator technician inspector collector taker caretaker "
    "curator archivist librarian volunteer villager islander townsfolk neighbour citizen owner tenant lodger heir "
    "heiress infant baby toddler teenager adult elder youngster lad lass niece nephew godfather godmother stepmother "
    "stepfather in-law fiancé fiancée fiance fiancee lover sweetheart boyfriend girlfriend ex roommate bachelor "
    "spinster giantess wretch bookbinder lacemaker seamstress dressmaker cobbler shoemaker tinker farrier apothecary "
    "scribe herald watchman sentry sniper gunman cyborg clone scavenger drifter loner recluse invalid addict gambler "
    "dreamer liar cheat impostor double"
)

NOT_PEOPLE = _words(
    "winter summer letter river paper number water tower power flower summer dinner supper border order corner cover "
    "counter finger shoulder feather leather weather ladder lantern error mirror floor door motor elevator radiator "
    "generator refrigerator computer cellar hammer father's folder drawer daughter's thunder timber silver copper "
    "amber powder chamber cinema calculator escalator tractor reactor sensor color colour odor razor anchor harbor "
    "tumor rumor doctor's buffer poster answer newspaper wallpaper typewriter printer sweater spider tiger otter "
    "planter container boiler steamer filter register transmitter computer scanner helicopter character matter butter "
    "sugar pepper ginger october november december september lighter trailer freezer mother's cider quarter center "
    "theater disaster plaster roster monster cluster lobster hamster sticker marker holder cooker opener hanger "
    "hopper washer dryer mower shaker slipper buzzer cracker roller wrapper dresser header pointer planner blazer "
    "stopper clipper timer pager trigger tracker dipper topper jumper recorder blender toaster computer locker "
    "stapler speaker receiver amplifier boiler burner heater cooler duster poster blotter strainer bumper propeller "
    "revolver bomber tanker liner steamer cruiser schooner freighter cutter plough shutter gutter bladder litter "
    "batter mortar altar collar pillar cedar sugar nectar jar guitar sitar radar calendar nuclear wonder thunder "
    "slumber hunger danger manner temper whisper quiver shower flower prayer layer ether fever liver sewer corridor "
    "parlor parlour terror horror armor armour labour humour vapour harbour manor minor major liquor elixir remainder "
    "reminder cylinder gander lavender calender tinder cinder fender girder border murder rafter laughter daughter-in "
    "quarter barter charter garter porter's otter platter splatter clutter flutter inventor's list twist mist fist "
    "wrist chapter river's mirror's vector tractor's thriller human caravan ocean man-made orphanage station "
    "librarian's cleaner's underwater laser ruler oyster"
)

FEMALE_NOUNS = _words(
    "grandmother mother aunt sister sisters wife widow queen princess witch nun daughter girl bride woman grandma "
    "mermaid nanny godmother heroine empress actress landlady countess duchess baroness lady abbess mistress niece "
    "lass stepmother waitress barmaid hostess stewardess seamstress sorceress enchantress heiress spinster giantess "
    "fiancée girlfriend maid midwife granny lady priestess schoolgirl"
)
MALE_NOUNS = _words(
    "grandfather father uncle brother brothers husband widower king prince wizard monk priest son boy groom man "
    "grandpa postman mailman fisherman ferryman emperor knight landlord lord duke baron count nephew lad bachelor "
    "abbot stepfather godfather waiter barman boyfriend cowboy butler headmaster schoolboy gentleman sir"
)

FEMALE_NAMES = _words(
    "ines marisol yusra tamsin lena amara ilse anna maria mary sarah emma olivia sofia sophie clara eva eve alice "
    "elena nora mia zoe lily rose ruth grace jane julia kate katherine elizabeth margaret helen susan linda fatima "
    "aisha leila layla mei yuki sakura priya ananya ingrid astrid freya greta hannah chloe camille amelie claire "
    "marie louise charlotte isabel isabella carmen lucia rosa teresa olga natasha irina svetlana ada agnes beatrice "
    "lucy nell molly polly sally betty dolly hetty kitty peggy annie maggie nancy daisy violet ivy hazel iris flora "
    "fiona isla moira eileen maeve siobhan bridget nora norah deirdre gwen bronwyn rhiannon megan elspet elspeth "
    "morag ailsa catriona jean wilhelmina henrietta georgina frances edith ethel mabel mildred harriet eleanor "
    "theodora dorothea dorothy matilda rosalind vivian sylvia stella magda greta gerda heidi klara hanna johanna "
    "katarina ludmila svetla vera wanda halina zofia agnieszka katarzyna irena milena jelena ivana sofija leyla ayse "
    "fatma zeynep elif amina khadija noor salma hana yuna sora keiko haruka naoko mei-ling lin xia ming lan thuy "
    "adaeze chioma ngozi amara zuri nia imani ife isaura dolores pilar mercedes guadalupe ximena valentina camila "
    "lucía inês beatriz rosalia giulia chiara francesca bianca alessia simone brigitte colette juliette margot odette "
    "genevieve penelope phoebe chloe daphne cassandra ariadne iphigenia sibyl celia cecilia josephine maya naomi "
    "rachel rebecca miriam esther judith yara zainab nadia samira 林小雨 小雨 小红 mara marta"
)
MALE_NAMES = _words(
    "dov pim osei étienne etienne john james david michael robert william thomas george henry jack tom sam max leo "
    "paul peter pedro juan carlos jose luis miguel diego marco luca matteo giovanni hans karl otto fritz lars erik "
    "olaf sven ivan boris dmitri sergei ahmed omar ali hassan yusuf ibrahim raj arjun kenji hiro takeshi wei jun "
    "oskar tomas bram emil hugo jonas lukas felix moritz anton konrad wilhelm ludwig heinrich stefan andrei nikolai "
    "sergey mikhail pavel aleksander alexander jakob jan piotr marek janek tadeusz milos zoran goran nikola kemal "
    "mehmet mustafa emre amir karim tariq bilal jamal idris malik kaito ren haruki satoshi bao linh minh duc arturo "
    "enrique javier fernando rafael ramiro santiago mateo nicolas alejandro rodrigo duarte tiago joao paolo giuseppe "
    "enzo fabio salvatore vincent gustav nils bjorn knut aksel mikkel finn liam sean patrick callum angus hamish "
    "alistair ewan rhys gareth owen dylan evan ethan mason lucas oliver jacob benjamin nathan caleb isaac abraham "
    "moses aaron ezra gideon silas jasper rufus cyril ernest alfred albert wilfred herbert percy stanley cecil gerald "
    "ronald donald kenneth gordon bruno otis ray roy joe bob bill jim tim ted ned ben dan ken ron don steve mike nick "
    "pete phil greg jeff chris matt mark luke john anselm ilya oke kwabena jabari pierre jean jacques louis antoine "
    "francois andré andre simon daniel samuel joseph adam noah elias felix oscar victor hugo martin walter arthur "
    "edgar frank harry charles edward kwame kofi tunde emeka 小明"
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
    "lighthouse keeper": "light",
    "detective": "photograph", "nurse": "thermometer", "doctor": "needle", "blacksmith": "anvil", "tuner": "piano",
}  # fmt: skip
"""What a story turns on where its prompt names a trade and nothing else."""

ADJECTIVES = _words(
    "abandoned able absent abstract afraid aged alive alone ancient angry anonymous asleep awake awful bad bare "
    "beautiful bent best better big bitter black bleak blind blue bold brave brief bright broad broken brown busy "
    "calm careful careless cautious certain cheap chief civil clean clear clever close closed clumsy cold common "
    "complete cosy cozy crazy creepy crooked cruel curious cursed damp dangerous dark dead deaf dear deceased deep "
    "delicate different difficult dirty distant double drunk dry dull dusty eager early eastern easy eccentric "
    "elderly empty endless enormous entire equal eternal evil exact extra fair faithful false familiar famous far "
    "fast fat favourite favorite few final fine first flat foreign forgotten former fragile free fresh friendly "
    "frozen full funny gentle giant gloomy golden good gothic grand grateful gray great greedy green grey grim guilty "
    "half happy hard harmless haunted heavy hidden high hollow honest hopeful hot huge human humble hungry icy idle "
    "ill illegal immortal impossible incorrect infinite innocent invisible jealous jolly joyful just kind large last "
    "late lazy left light little lively local lonely long loose lost loud low loyal lucky mad magic main married mean "
    "melancholy merciful mild minor missing modern moody mortal municipal mysterious naive narrow nasty national "
    "naughty near neat nervous new nice nocturnal noisy northern nosy odd old only open opposite ordinary orphaned "
    "other own painful pale past patient peaceful perfect petty plain playful pleasant poetic polite poor popular "
    "possible precious pretty private proud public pure quick quiet rare raw ready real recent red reluctant remote "
    "retired rich ripe romantic rotten rough round royal rude rural rusty sacred sad safe salty same scary second "
    "secret senior separate serious severe shallow sharp short shy sick silent silly silver simple single sleepy "
    "slight slow small smart smooth soft solemn sombre somber sour southern special square stale steep stiff still "
    "stolen stormy strange strict strong stubborn stupid subtle sudden suspenseful sweet sympathetic talkative tall "
    "tame tender tense terrible thick thin third thirsty tidy tight tiny tired tough tragic true twin ugly uncanny "
    "unclaimed uncertain unhappy unknown unlucky unpaid unseen upset urgent useless usual vague vain vast violent "
    "vivid warm weak wealthy weary weird western wet white whole wicked wide wild willing wise witty wooden worldly "
    "worn worse worst wrong yellow young younger youngest older oldest elder eldest bigger biggest smaller smallest "
    "darker warmer colder happier sadder funnier shorter longer lighter slower faster scarier simpler stronger weaker "
    "livelier gentler grimmer bleaker heavier deeper thicker richer poorer brighter louder quieter fewer greater "
    "larger smaller finer tighter crisper punchier whimsical atmospheric cinematic emotional dramatic comic humorous "
    "comical uplifting bittersweet clearer stranger's vile moonlit underwater homemade handmade secondhand overgrown "
    "anxious cheerful foolish ghostly lovely elderly deadly weekly daily nightly yearly monthly friendly holy lonely "
    "orphan blank faint dim brisk dense loving sleepless"
)
"""What may stand before a noun and is none itself, unless nothing follows it."""

ALSO_NOUNS = _words(
    "cold dark light secret silver magic orphan twin giant human half past square blue red green black white second "
    "third good evil evening public private double minor patient elder final extra head left right twins romantic "
    "native local deaf blind dead poor rich young old sweet fresh general stranger melancholy solid ideal mortal "
    "holiday pretty fair"
)
"""Adjectives that are nouns where none follows: `the dead`, `the cold`, `a secret`."""

PREPOSITIONS = _words(
    "of in on at to from for with without by about across over under into onto off up down out through between among "
    "before after behind beside beyond near against around along past since until till than as like unlike via per "
    "during despite inside outside above below beneath underneath upon toward towards within throughout except amid "
    "aboard atop alongside"
)

SUBJECTS = _words(
    "i you he she it we they who someone somebody nobody everyone everybody anyone anybody something nothing "
    "everything anything that which this there mine hers ours theirs none"
)

AUXILIARIES = _words(
    "is are was were be been being am has have had having do does did done doing can could will would shall should "
    "may might must cannot can't won't don't doesn't didn't isn't aren't wasn't weren't hasn't haven't hadn't "
    "couldn't wouldn't shouldn't mustn't i'm i've i'd i'll he's she's it's they're we're you're they've we've let's "
    "ain't"
)

CONJUNCTIONS = _words("and or but nor so yet if when while because although though whether once bc")

ADVERBS = _words(
    "not never always ever still just only even also too very more most less least again back away once twice now "
    "then here there soon later ago instead perhaps maybe really quite rather almost together alone apart forever "
    "tonight today tomorrow yesterday often seldom sometimes already finally suddenly slowly outside inside home "
    "abroad upstairs downstairs backwards backward forwards forward backstage please yes no ok okay about where why "
    "how"
)

TIMES = _words(
    "time times day days night nights year years hour hours week weeks month months minute minutes morning mornings "
    "afternoon evening evenings midnight noon dawn dusk century decade moment moments second seconds weekend"
)
"""When something is, and seldom what a story is about."""

WEEKDAYS = _words(
    "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays "
    "sundays january february march april may june july august september october november december christmas easter "
    "halloween ramadan diwali english french german spanish italian russian chinese japanese arabic dutch polish "
    "turkish christian god i ok tv dna ai usa uk nasa xmas"
)
"""Written with a capital, and no names of people or places."""

MEASURES = _words(
    "length piece pieces cup pair pack set bit kind sort type lack heap pile series bunch couple dozen bottle bag box "
    "story tale number version sense list number slice drop handful string group band crew"
)
"""Before `of`: what follows is meant."""

RELATIVES = _words("who that which where when what whose why how")
FINITE = _words("is are was were has had will must can would could does did")
MODALS = _words("do does did can could will would shall should may might must")
NUMBERS = _words(
    "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty "
    "seventy eighty ninety hundred thousand million"
)

TITLES = {
    "mr": "", "mrs": "", "ms": "", "miss": "", "mister": "", "madame": "", "mme": "", "don": "", "doña": "", "sir": "",
    "lady": "", "lord": "", "saint": "", "old": "", "young": "", "little": "", "poor": "", "dr": "doctor",
    "doctor": "doctor", "prof": "professor", "professor": "professor", "captain": "captain", "capt": "captain",
    "colonel": "colonel", "major": "major", "general": "general", "sergeant": "sergeant", "lieutenant": "lieutenant",
    "commander": "commander", "admiral": "admiral", "officer": "officer", "inspector": "inspector",
    "detective": "detective", "agent": "agent", "nurse": "nurse", "sister": "nun", "mother": "mother",
    "father": "father", "brother": "monk", "uncle": "uncle", "aunt": "aunt", "queen": "queen", "king": "king",
    "prince": "prince", "princess": "princess", "judge": "judge", "mayor": "mayor", "sheriff": "sheriff",
    "reverend": "priest", "pastor": "priest", "rabbi": "rabbi", "duke": "duke", "duchess": "duchess",
    "count": "count", "countess": "countess", "baron": "baron", "emperor": "emperor", "empress": "empress",
    "grandma": "grandmother", "grandpa": "grandfather", "granny": "grandmother", "researcher": "researcher",
    "private": "soldier", "surgeon": "surgeon", "president": "president",
}  # fmt: skip
"""Before a name: what they say of who bears it, empty where that is no trade."""

SHE_TITLES = _words("mrs ms miss madame mme doña lady")
HE_TITLES = _words("mr mister don sir lord")

DEAD = _words("late dead deceased murdered drowned departed buried executed slain")
"""Before a person: they are gone."""

DIED = _words("died drowned perished passed drowns dies hanged vanished killed murdered")

GONE_NOUNS = _words("ghost ghosts spirit grave tomb will ashes funeral")

GENRES = _words(
    "noir horror scp scifi sci-fi fantasy gothic romance mystery thriller western comedy tragedy satire fable parable "
    "fairytale drama crime whodunit steampunk cyberpunk dystopia dystopian fiction farce"
)

LATIN = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "e",
            "zh",
            "z",
            "i",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "kh",
            "ts",
            "ch",
            "sh",
            "shch",
            "",
            "y",
            "",
            "e",
            "yu",
            "ya",
            "i",
            "yi",
            "ye",
            "g",
        ],
        strict=True,
    )
)
LATIN |= {letter.upper(): latin.capitalize() for letter, latin in LATIN.items()}
"""Cyrillic letters in Latin ones, for the names of a story in English."""
