"""Contradictions planted into short passages, of ten kinds. Those that are held out were written before the rules were,
and no rule was changed for any of them."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.story.material import Person

MARA = Person(
    name="Mara Venn", role="keeper of the light", description="A woman who counts everything and trusts nobody."
)
TOBIN = Person(name="Tobin", role="ferryman", description="An old man, slow with words; he wants to be forgiven.")
ILSE = Person(name="Ilse", role="a girl from the harbour", description="Quick and curious; she hides a theft.")
PEOPLE = (MARA, TOBIN, ILSE)


@dataclass(frozen=True)
class Plant:
    """`sections` contradict each other, or the `rules` or `people`, once, in what is called `kind`."""

    kind: str
    sections: tuple[str, ...]
    rules: tuple[str, ...] = ()
    people: tuple[Person, ...] = PEOPLE


def _person(name: str, description: str) -> Person:
    return Person(name=name, role="somebody of the island", description=description)


KNOWN = (
    # -- The dead act
    Plant("dead", (
        "Tobin died before the tide turned. Mara closed his eyes and sat with him until the candle was gone.",
        "In the morning the ferry bell rang. Tobin laughed and held out his hand for the fare.",
    )),
    Plant("dead", (
        "They buried Tobin on the hill above the harbour, with his oar laid across the coffin.",
        "The rope creaked. “You are late,” said Tobin, and he pushed the boat off the sand.",
    )),
    Plant("dead", (
        "When Mara reached the mill, old Tobin was already dead, one boot still in the water.",
        "Nobody spoke on the way back.\n\nAt supper Tobin poured the beer and asked who had taken the oars.",
    )),
    Plant("dead", (
        "The captain's shot hit Ilse in the chest, and it killed Ilse before she reached the ground.",
        "Mara lit the stove. Ilse came in from the yard with an armful of wood and shut the door with her heel.",
    )),
    # -- Two places at once
    Plant("place", (
        "Mara stood in the kitchen with both hands round the cup. The clock ticked. At the same moment Mara was out on the "
        "pier, counting boats.",
    )),
    Plant("place", (
        "Tobin was asleep in the cellar, his head against the coal. Nothing moved. Above the town the gulls argued. "
        "Tobin stood on the roof of the church and watched them.",
    )),
    Plant("place", (
        "Ilse sat in the library, a book open on her knees. The page was about whales. Ilse, on the beach, dug her toes "
        "into the sand.\n\n“Nobody is here,” Mara said. Ilse was on the beach and did not hear it.",
    )),
    Plant("place", (
        "Mara waited at the station, under the clock. It was exactly nine. At exactly nine Mara knelt in the orchard, "
        "tying up the young trees.",
    )),
    # -- Eyes and hair
    Plant("looks", (
        "Mara's eyes were green, the green of bottle glass.",
        "Mara looked up from the ledger. Her brown eyes were tired.",
    )),
    Plant("looks", (
        "Ilse had blue eyes and a chipped tooth.",
        "The light fell on Ilse's grey eyes, and she looked away.",
    )),
    Plant("looks", (
        "Tobin ran a hand through his red hair and said nothing.",
        "Wind lifted Tobin's black hair from his collar.",
    )),
    Plant("looks", (
        "The black-haired Ilse went first through the gate.",
        "Ilse tied back her blonde hair with a piece of net.",
    )),
    # -- Ages
    Plant("age", (
        "Mara was thirty-four years old, and had kept the light for ten of them.",
        "At the window stood Mara, fifty-one, with the lamp in her hand.",
    )),
    Plant("age", (
        "Ilse, a girl of eleven, knew every boat by its sound.",
        "“How old is she?” the captain asked. Ilse was sixteen and tired of being asked.",
    )),
    Plant("age", (
        "Tobin, aged 72, had rowed to the island nine thousand times.",
        "Old men row badly. The fifty-year-old Tobin rowed as if the water owed him money.",
    )),
    Plant("age", (
        "The boat came in. Ruth tied it up without a word.",
        "Ruth was nineteen, and the sea had never frightened her.",
    ), people=(*PEOPLE, _person("Ruth", "A widow of forty-five who mends nets."))),
    # -- Kinship
    Plant("kinship", (
        "Tobin, Mara's brother, had the ferry from their father.",
        "Mara looked at her uncle. Tobin was Mara's uncle, and that was all she had left of a family.",
    )),
    Plant("kinship", (
        "Ilse was Mara's daughter, and had her way of closing a door.",
        "Mara's sister Ilse came up the stairs with the milk.",
    )),
    Plant("kinship", (
        "Tobin was the father of Ilse, whatever the village said.",
        "“My girl,” he said. Ilse's grandfather, Tobin, put the cup down.",
    )),
    Plant("kinship", (
        "Mara and Ilse were sisters, and shared a bed until they were grown.",
        "Mara wrote it down for Ilse, her niece, who could not yet read.",
    )),
    # -- A thing held by two
    Plant("holder", (
        "Mara held the brass key tight in her fist. The door did not move. Rain ran down the glass. Tobin had the brass "
        "key in his pocket and kept his hand on it.",
    )),
    Plant("holder", (
        "Ilse clutched the blue lantern to her chest. “Wait,” she said. Behind her, Tobin was holding the blue lantern, and "
        "the light shook.",
    )),
    Plant("holder", (
        "The letter was in Mara's pocket. She thought about the stairs, and about the dark. The letter was in Tobin's "
        "hand, folded twice.",
    )),
    Plant("holder", (
        "Tobin gripped the silver knife. Nobody breathed. Ilse gripped the silver knife and looked at the door.",
    )),
    # -- Day after night
    Plant("time", (
        "It was midnight. Mara put the cup on the sill and looked at the road. The noon sun burned on the stones, and she "
        "shaded her eyes.",
    )),
    Plant("time", (
        "The moon stood over the harbour. Tobin leaned on his oar and spat. Bright afternoon sunlight lay on the deck in "
        "front of his boots.",
    )),
    Plant("time", (
        "It was a Tuesday, and the market was full. Ilse stole one apple. It was Friday, and the woman with the apples had "
        "not seen her.",
    )),
    Plant("time", (
        "At noon the square was empty. Mara sat on the steps and unwrapped her bread. Stars filled the sky above her, and "
        "the bread was dry.",
    )),
    # -- Weather
    Plant("weather", (
        "Rain hammered on the roof of the shed. Mara did not look up from the net. Through the open door she saw a "
        "cloudless sky.",
    )),
    Plant("weather", (
        "It was snowing on the pier. Tobin stamped his feet. He took off his hat, for the sun blazed down on all of them.",
    )),
    Plant("weather", (
        "The sky was clear and blue from end to end. Ilse counted the gulls. She was wet to the skin, and the rain poured "
        "down her neck.",
    )),
    Plant("weather", (
        "Fog lay so thick on the harbour that Mara could not see her own hand. Across the bay the mountains were sharp "
        "in the bright sunshine.",
    )),
    # -- Names that drift
    Plant("name", ("Mara opened the book.", "The wind had dropped. Then Marra closed the book and put it away.")),
    Plant("name", ("Tobin coiled the rope.", "On the quay stood Tobyn, coiling a rope.")),
    Plant("name", ("Mara Venn signed her name.", "Nobody had seen Mara Vane since the bell.")),
    Plant("name", (
        "The captain, Corrigan, gave the order. The men looked at Corrigan and did nothing.",
        "Later that day the captain was alone. They heard Corigan shout.",
    )),
    # -- A rule broken
    Plant("rule", ("She carried the iron kettle across the threshold and set it on the stove.",),
          rules=("No iron crosses the threshold.",)),
    Plant("rule", ("The bell had rung. After the bell Tobin spoke for an hour about the weather.",),
          rules=("Nobody may speak after the bell.",)),
    Plant("rule", ("At night Ilse went into the tower and climbed to the top.",),
          rules=("No one enters the tower at night.",)),
    Plant("rule", ("Tobin lit the lamp himself and went home.",), rules=("Only Mara may light the lamp.",)),
)  # fmt: skip

HELD_OUT = (
    Plant("dead", (
        "Three men dragged Tobin out of the water, but Tobin had drowned.",
        "The door banged. Tobin shook the rain from his coat and grinned at them.",
    )),
    Plant("dead", (
        "Ilse's heart stopped a little after four. Mara pulled the sheet over her face.",
        "It was warm in the yard. Ilse sat on the wall, swinging her legs, and ate an apple.",
    )),
    Plant("place", (
        "Tobin lay in his bunk aboard the ferry, listening to the hull. A gull cried. Tobin was sitting in the tavern "
        "with a full glass before him.",
    )),
    Plant("place", (
        "At midnight Mara was in the lamp room, trimming the wick. At midnight Mara was also at the graveyard, with a "
        "spade in her hands.",
    )),
    Plant("looks", (
        "Two hazel eyes looked out from under the hood; Ilse had not slept. The hazel eyes of Ilse missed nothing.",
        "“I saw it,” Ilse said, and her eyes, blue as ink, did not blink.",
    )),
    Plant("looks", (
        "Mara was a tall woman with long auburn hair.",
        "Mara sat down by the fire. Her hair was white, and it reached to her belt.",
    )),
    Plant("age", (
        "Tobin had turned sixty in the spring.",
        "Tobin was a man of forty, and the work had bent him early.",
    )),
    Plant("age", (
        "Ilse was only nine.",
        "They sent for the fourteen-year-old Ilse, because nobody else could climb.",
    )),
    Plant("kinship", (
        "Her husband, Tobin, did not look at Mara.",
        "Tobin was Mara's cousin, from the other side of the bay.",
    )),
    Plant("kinship", (
        "Mara had one son, Tobin, and no patience.",
        "Tobin, the brother of Mara, brought the bread.",
    )),
    Plant("holder", (
        "Mara kept the silver whistle in her left hand. Water dripped from the beams. Ilse stood against the wall with the "
        "silver whistle between her teeth.",
    )),
    Plant("holder", (
        "The torn map lay folded in Tobin's coat. The boat rocked. Mara had the torn map spread on her knees.",
    )),
    Plant("time", (
        "The clock struck one in the morning, and the whole street slept. Tobin knocked twice. A boy opened, squinting "
        "into the midday glare.",
    )),
    Plant("time", (
        "The night was black and without a moon. Mara pulled the blanket round her. The sun stood straight overhead, and "
        "her shadow was a puddle at her feet.",
    )),
    Plant("weather", (
        "A downpour had emptied the market. Ilse ran from awning to awning. Dust rose from the dry street under the "
        "cloudless sky.",
    )),
    Plant("weather", (
        "There was not a cloud in the sky. Tobin rowed. Snow fell on his shoulders, flake upon flake.",
    )),
    Plant("name", ("Ilse hid the spoon.", "By noon everyone was looking for Ilsa, who had the spoon in her shoe.")),
    Plant("name", ("Tobin said nothing.", "The letter was for Tobbin, and it was wet.")),
    Plant("rule", ("Mara sang quietly while she rowed the boat over the water.",), rules=("Nobody sings on the water.",)),
    Plant("rule", ("On Sunday Tobin took the ferry across, with nine passengers.",),
          rules=("The ferry never sails on a Sunday.",)),
)  # fmt: skip

CREW = (
    Person(
        name="Elias Thorne",
        role="lighthouse keeper",
        description="A gaunt man of sixty-one with pale blue eyes; he hides a grief.",
    ),
    Person(name="Nell", role="his daughter", description="Stubborn, freckled, nineteen."),
    Person(name="Captain Rourke", role="master of the Heron", description="Loud, generous, in debt."),
)
PARISH = (
    Person(
        name="Anselm Koch",
        role="clockmaker",
        description="Sixty-eight, stooped, with grey eyes and a white beard. Widower.",
    ),
    Person(name="Greta", role="Anselm's granddaughter", description="Twelve years old, brown-eyed, fearless."),
    Person(name="Father Lorenz", role="priest of the parish", description="A heavy man with a soft voice."),
)
SHIP = (
    Person(
        name="Ines Calder", role="ship's surgeon", description="Thirty-three, dry-humoured, with cropped black hair."
    ),
    Person(name="Hob", role="cook of the Heron", description="A round man, one eye clouded."),
    Person(name="Juno", role="cabin girl", description="Ten years old, always barefoot; Hob's daughter."),
)
LATER = (
    Plant(
        "dead",
        (
            "The wave took Hob over the rail, and Hob was dead when they hauled him back.",
            "Hob stirred the soup and tasted it.",
        ),
        people=SHIP,
    ),
    Plant(
        "dead",
        (
            "Ines was shot in the throat at the barricade and died in the street.",
            "It was Ines who opened the door. Ines nodded at them and went back to her book.",
        ),
        people=SHIP,
    ),
    Plant(
        "place",
        (
            "Juno slept in the attic, curled round the dog. Rain ticked on the slates. Juno was on the bridge, throwing stones.",
        ),
        people=SHIP,
    ),
    Plant(
        "place",
        (
            "Hob was in the kitchen, peeling onions. At the same time Hob was at the market, arguing about the price of them.",
        ),
        people=SHIP,
    ),
    Plant("looks", ("Ines tucked a strand of her blonde hair behind her ear.",), people=SHIP),
    Plant(
        "looks", ("Juno's eyes were as blue as a flame.", "Juno stared at him with her big brown eyes."), people=SHIP
    ),
    Plant("age", ("Juno, seventeen now, could reef and steer.",), people=SHIP),
    Plant("age", ("“Happy birthday,” said Hob. Ines was forty-nine.",), people=SHIP),
    Plant("kinship", ("Juno, Hob's niece, licked the spoon.",), people=SHIP),
    Plant(
        "kinship",
        ("Ines was married to Hob. She had married Hob in the spring.", "Hob, Ines's brother, carved the ham."),
        people=SHIP,
    ),
    Plant(
        "holder",
        ("Ines held the scalpel in her right hand. Nobody spoke. Hob held the scalpel in his fist.",),
        people=SHIP,
    ),
    Plant(
        "holder",
        ("Juno had the tin whistle in her pocket. She hummed. The tin whistle hung round Hob's neck.",),
        people=SHIP,
    ),
    Plant(
        "time",
        ("The clock had just struck midnight. Juno rubbed her eyes. The noonday sun beat down on the cobbles.",),
        people=SHIP,
    ),
    Plant(
        "time",
        ("It was the middle of the night. Hob lit his pipe. Bright sunlight fell across the table.",),
        people=SHIP,
    ),
    Plant(
        "weather",
        (
            "It was pouring. Juno pulled her hood up. Not a drop had fallen for weeks, and the sky was a hard clear blue.",
        ),
        people=SHIP,
    ),
    Plant(
        "weather",
        ("Thick fog lay over the harbour. Ines sighed. From the deck she could see for miles under a cloudless sky.",),
        people=SHIP,
    ),
    Plant("name", ("They said that Innes had the keys.",), people=SHIP),
    Plant("name", ("Doctor Ines Caldwell signed the paper.",), people=SHIP),
    Plant(
        "rule",
        ("Juno ate the last of the honey bread on deck after sunset.",),
        rules=("No one may eat on deck after sunset.",),
        people=SHIP,
    ),
    Plant(
        "rule",
        ("Hob killed the albatross with a single stone.",),
        rules=("An albatross must never be killed.",),
        people=SHIP,
    ),
    Plant(
        "dead",
        (
            "Rourke did not survive the fall. Nell covered him with her coat.",
            "Rourke leaned over the chart and tapped it with one finger.",
        ),
        people=CREW,
    ),
    Plant(
        "dead",
        (
            "By dawn Elias was gone; his hands had gone cold in hers, and she folded them on his chest. Elias Thorne was dead.",
            "Elias put the kettle on. He hummed while it boiled.",
        ),
        people=CREW,
    ),
    Plant(
        "dead",
        (
            "The sea gave Nell back on the third day, drowned, with weed in her hair. They laid her in the ground beside her mother.",
            "“Hand me the rope,” Nell said.",
        ),
        people=CREW,
    ),
    Plant(
        "place",
        (
            "Nell crouched in the cellar, counting the jars. The lid of the last one would not close. Nell leaned on the rail of the ship and let the spray hit her face.",
        ),
        people=CREW,
    ),
    Plant(
        "place",
        ("Elias was at the top of the lighthouse. That same minute he was in the village, buying bread.",),
        people=CREW,
    ),
    Plant(
        "place",
        (
            "At nine o'clock Rourke was in the tavern, losing at cards.",
            "At nine o'clock that same evening Rourke was aboard the Heron, asleep.",
        ),
        people=CREW,
    ),
    Plant("looks", ("He looked at her with those pale blue eyes. Elias's eyes were brown and steady.",), people=CREW),
    Plant(
        "looks",
        ("Nell pushed her copper curls out of her face.", "Her dark hair was full of salt, and Nell wrung it out."),
        people=CREW,
    ),
    Plant("looks", ("Rourke's green eyes narrowed.", "“Done,” said Rourke. His black eyes were merry."), people=CREW),
    Plant("age", ("Elias had just celebrated his fortieth birthday.",), people=CREW),
    Plant("age", ("Nell was twenty-six, old enough to sign for herself.",), people=CREW),
    Plant(
        "age",
        (
            "At thirty, Rourke had lost his first ship.",
            "Rourke was thirty-two years old that winter.",
            "Rourke, who was fifty-five, laughed.",
        ),
        people=CREW,
    ),
    Plant(
        "kinship",
        ("Nell, Elias's niece, climbed the stairs.",),
        people=(CREW[0], Person(name="Nell", role="daughter of Elias", description="Stubborn."), CREW[2]),
    ),
    Plant(
        "kinship",
        (
            "“My father,” she said, nodding at Elias. Rourke was Nell's father.",
            "Rourke, Nell's brother, carried the trunk.",
        ),
        people=CREW,
    ),
    Plant("kinship", ("Elias and Rourke were brothers.", "Elias nodded to his cousin Rourke."), people=CREW),
    Plant("holder", ("Nell had the brass compass. She did not look at it. Elias had the brass compass.",), people=CREW),
    Plant(
        "holder",
        ("The lantern swung from Elias's hand. The wind was rising. The lantern swung from Nell's hand.",),
        people=CREW,
    ),
    Plant(
        "holder",
        ("Rourke wore the iron key on a cord around his neck.", "Nell wore the iron key on a cord around her neck."),
        people=CREW,
    ),
    Plant(
        "time",
        (
            "Midnight. The stars were sharp as salt. Elias trimmed the wick. Sunlight poured through the window and warmed his hands.",
        ),
        people=CREW,
    ),
    Plant(
        "time",
        ("It was past midnight when Nell reached the door. She knocked. The midday sun was hot on her neck.",),
        people=CREW,
    ),
    Plant(
        "time",
        ("The sun was high over the bay. Rourke whistled. Moonlight silvered the deck in front of him.",),
        people=CREW,
    ),
    Plant(
        "weather",
        (
            "It had been raining all morning and it was raining still. Elias opened the shutter. There was no cloud anywhere in the bright blue sky.",
        ),
        people=CREW,
    ),
    Plant(
        "weather",
        ("The air was still and hot under a clear blue sky. Nell wiped her face. Heavy rain streamed down her back.",),
        people=CREW,
    ),
    Plant(
        "weather",
        ("Snow drifted against the door. Rourke lit his pipe. The sun was blazing and the sky perfectly clear.",),
        people=CREW,
    ),
    Plant("name", ("Elias Thorne wrote it in the log.", "Nobody believed Elias Thornton."), people=CREW),
    Plant("name", ("Rourke swore.", "She waited for Rorke to finish."), people=CREW),
    Plant("name", ("The log says that Ellias slept badly.",), people=CREW),
    Plant(
        "rule",
        ("Nell struck a match and held it up inside the lamp room.",),
        rules=("No flame may be lit in the lamp room.",),
        people=CREW,
    ),
    Plant(
        "rule",
        ("Rourke told the crew his real name, and they laughed.",),
        rules=("A captain never tells the crew his real name.",),
        people=CREW,
    ),
    Plant(
        "rule",
        ("Elias whistled as he went up the stairs.",),
        rules=("Whistling on the stairs is forbidden.",),
        people=CREW,
    ),
    Plant(
        "dead",
        (
            "Lorenz was found at the foot of the stairs with his neck broken. The doctor pronounced Lorenz dead at six.",
            "Lorenz rang the bell for vespers and blew out the candles.",
        ),
        people=PARISH,
    ),
    Plant(
        "dead",
        (
            "It was the fever that took Anselm in the end. He died on the Monday.",
            "“Sit,” said Anselm, and pulled out the other chair.",
        ),
        people=PARISH,
    ),
    Plant(
        "dead",
        (
            "The beam came down and crushed Greta. She was dead before they could lift it.",
            "Greta skipped ahead of them down the lane, humming.",
        ),
        people=PARISH,
    ),
    Plant(
        "place",
        (
            "Anselm sat at his bench in the workshop. The clocks ticked. At that very moment Anselm was walking along the river with his stick.",
        ),
        people=PARISH,
    ),
    Plant(
        "place",
        (
            "Greta lay under her bed in the attic. She held her breath. Greta stood in the market square with a bun in each hand.",
        ),
        people=PARISH,
    ),
    Plant(
        "place",
        (
            "Lorenz was in Vienna that Thursday, and saw the emperor ride by.",
            "All that same Thursday Lorenz was in Prague, and did not leave his room.",
        ),
        people=PARISH,
    ),
    Plant("looks", ("Anselm blinked his brown eyes at the sun.",), people=PARISH),
    Plant("looks", ("Greta had her mother's eyes, a startling green.",), people=PARISH),
    Plant(
        "looks",
        ("Lorenz was bald as an egg.", "He smoothed his thick black hair. Lorenz was vain about his hair."),
        people=PARISH,
    ),
    Plant("age", ("Greta, who was sixteen, carried the clock.",), people=PARISH),
    Plant("age", ("Anselm was eighty-three that year, and still climbed the tower.",), people=PARISH),
    Plant(
        "age",
        ("Lorenz was forty-four.", "At sixty, Lorenz still ran up the stairs. Lorenz was sixty years old."),
        people=PARISH,
    ),
    Plant(
        "kinship",
        ("Anselm kissed the top of his daughter's head. Greta was his daughter, and he was proud of her.",),
        people=PARISH,
    ),
    Plant("kinship", ("Greta had a brother, Lorenz.", "Lorenz, who was Greta's uncle, said nothing."), people=PARISH),
    Plant(
        "holder",
        (
            "Anselm turned the gold watch over in his hands. The tick was uneven. Across the room Greta turned the gold watch over in her hands.",
        ),
        people=PARISH,
    ),
    Plant(
        "holder",
        ("The chalice stood in front of Lorenz. Greta clutched the silver bell. Lorenz clutched the silver bell.",),
        people=PARISH,
    ),
    Plant(
        "time",
        (
            "The street lamps had been lit an hour, and it was dark. Greta ran. The midday bell was ringing and the sun stood overhead.",
        ),
        people=PARISH,
    ),
    Plant(
        "time",
        ("It was early morning, and the milk carts were out. Anselm yawned. The stars glittered over the roofs.",),
        people=PARISH,
    ),
    Plant(
        "weather",
        ("Snow fell without a sound on the square. Greta put out her tongue. The rain had soaked her dress through.",),
        people=PARISH,
    ),
    Plant(
        "weather",
        ("The sun shone from a clear sky. Lorenz mopped his brow. Rain dripped from the brim of his hat.",),
        people=PARISH,
    ),
    Plant("name", ("Anselm wound the clock. Father Lorentz watched him do it.",), people=PARISH),
    Plant("name", ("They called for Gretta, and she came.",), people=PARISH),
    Plant(
        "rule",
        ("Greta opened the glass case and stopped the great clock with one finger.",),
        rules=("The great clock must never be stopped.",),
        people=PARISH,
    ),
    Plant(
        "rule",
        ("Anselm poured wine for the dead and drank it in the church.",),
        rules=("Nobody drinks wine in the church.",),
        people=PARISH,
    ),
)
"""Written after the first rules, in other words, by which they were then mended."""
